/**
 * The menu's icons, drawn here: they are on the first screen anybody sees, and an icon library with its
 * machinery would be a twentieth of what is loaded for it.
 */
function icon(d: string) {
  return function Icon() {
    return (
      <svg width="16" height="16" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.8" strokeLinecap="round" strokeLinejoin="round" aria-hidden style={{ flex: "none" }}>
        <path d={d} />
      </svg>
    );
  };
}

export const HomeIcon = icon("M4 4h6.5v6.5H4zM13.5 4H20v6.5h-6.5zM4 13.5h6.5V20H4zM13.5 13.5H20V20h-6.5z");
export const PeopleIcon = icon("M9 11.5a3.75 3.75 0 1 0 0-7.5 3.75 3.75 0 0 0 0 7.5zM2.5 20c.4-3.6 3-5.6 6.5-5.6s6.1 2 6.5 5.6M16 4.4a3.6 3.6 0 0 1 0 6.8M18.2 14.9c1.9.8 3 2.5 3.3 5.1");
export const AimIcon = icon("M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17zM12 15.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM12 1.5v4M12 18.5v4M1.5 12h4M18.5 12h4");
export const SendIcon = icon("M21 3 10.5 13.5M21 3l-6.5 18-4-7.5L3 9.5z");
export const ShareIcon = icon("M17.5 8a2.75 2.75 0 1 0 0-5.5 2.75 2.75 0 0 0 0 5.5zM6.5 14.75a2.75 2.75 0 1 0 0-5.5 2.75 2.75 0 0 0 0 5.5zM17.5 21.5a2.75 2.75 0 1 0 0-5.5 2.75 2.75 0 0 0 0 5.5zM9 10.6l6-3.8M9 13.4l6 3.8");
export const FireIcon = icon("M12 2.5c.6 3.4 5.9 5.9 5.9 11.4A5.9 5.9 0 0 1 12 20a5.9 5.9 0 0 1-5.9-6.1c0-2.6 1.3-4.4 2.5-5.6.3 1.6 1 2.5 2 3 .2-3.3-.4-6 1.4-8.8z");
export const ChartIcon = icon("M4 20h16M6.5 16.5v-5M12 16.5v-11M17.5 16.5v-8");
export const GearIcon = icon("M12 15.2a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4zM12 2.5l1 2.8 2.6 1.1 2.7-1.3 1.6 1.6-1.3 2.7 1.1 2.6 2.8 1v2l-2.8 1-1.1 2.6 1.3 2.7-1.6 1.6-2.7-1.3-2.6 1.1-1 2.8h-2l-1-2.8-2.6-1.1-2.7 1.3-1.6-1.6 1.3-2.7-1.1-2.6-2.8-1v-2l2.8-1 1.1-2.6-1.3-2.7 1.6-1.6 2.7 1.3L9 5.3l1-2.8z");
