import { useSession } from "@koi/shared";
import type { ReactNode } from "react";
import { Navigate, NavLink, Outlet, ScrollRestoration, useLocation, useNavigation } from "react-router";
import { Again } from "./features/session/page";

const tabs: { path: string; label: string; need?: string; icon: ReactNode }[] = [
  { path: "/leads", label: "线索", need: "contacts.read", icon: <path d="M12 3c1 4 5 5 5 10a5 5 0 0 1-10 0c0-2 1-3 2-4 0 2 1 3 2 3 1-3-1-5 1-9z" /> },
  { path: "/shares", label: "分享", icon: <path d="M14 5l6 6-6 6v-4c-5 0-8 2-10 5 1-6 4-9 10-9z" /> },
  { path: "/visitors", label: "访客", icon: <path d="M2 12s4-6 10-6 10 6 10 6-4 6-10 6S2 12 2 12zm10 3a3 3 0 1 0 0-6 3 3 0 0 0 0 6z" /> },
  { path: "/me", label: "我的", icon: <path d="M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zm-8 8c0-4 4-6 8-6s8 2 8 6z" /> },
];

/** The first tab one may see. */
export function Home() {
  const session = useSession();
  return <Navigate to={session.may("contacts.read") ? "/leads" : "/shares"} replace />;
}

/**
 * What stands around every screen. Plain HTML: it is all that is loaded before anything is seen, and the
 * library's own bar would bring its code along.
 */
export function Shell() {
  const session = useSession();
  const at = useLocation();
  const moving = useNavigation().state !== "idle";
  if (!session.me) return <Navigate to={`/sign-in?to=${encodeURIComponent("/staff" + at.pathname + at.search)}`} replace />;
  const shown = tabs.filter((t) => !t.need || session.may(t.need));
  const deep = at.pathname.split("/").filter(Boolean).length > 1;
  return (
    <div className={deep ? "app deep" : "app"}>
      {moving && <div className="bar" role="status" aria-label="正在打开" />}
      {session.lost && <Again />}
      <main id="main">
        <Outlet />
      </main>
      {!deep && (
        <nav className="tabs" aria-label="主菜单">
          {shown.map((t) => (
            <NavLink key={t.path} to={t.path}>
              <svg viewBox="0 0 24 24" width="24" height="24" aria-hidden>
                {t.icon}
              </svg>
              {t.label}
            </NavLink>
          ))}
        </nav>
      )}
      <ScrollRestoration />
    </div>
  );
}
