import { color } from "../../theme";

const marks: Record<string, [sign: string, tone: string, text: string]> = {
  ok: ["✓", color.good, "正常"],
  good: ["✓", color.good, "正常"],
  warning: ["!", color.warn, "注意"],
  bad: ["×", color.bad, "有问题"],
  by_hand: ["?", color.accent, "需人工核对"],
  unknown: ["–", color.quiet, "未检查"],
};

/** A light: green, yellow, red, or to be looked at by hand; never by colour alone. */
export function Light({ verdict, label }: { verdict: string; label?: string }) {
  const [sign, tone, text] = marks[verdict] ?? marks.unknown!;
  return (
    <span
      role="img"
      aria-label={label ?? text}
      title={label ?? text}
      style={{ display: "inline-grid", placeItems: "center", width: 20, height: 20, borderRadius: 10, background: tone, color: "#fff", fontSize: 13, fontWeight: 700, flex: "none" }}
    >
      {sign}
    </span>
  );
}
