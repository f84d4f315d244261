import { useSession } from "@koi/shared";
import { lazy, Suspense, useEffect, useRef } from "react";
import { Link, Navigate, NavLink, useLocation, useNavigate } from "react-router";
import { groups } from "./menu";
import { color } from "./theme";

const Frame = lazy(() => import("./frame"));

/**
 * What stands around every screen: groups on the left, the user above. It is plain HTML on purpose: it is
 * all that is loaded before anything is seen, and antd's own menu and dropdown would be a quarter of that.
 */
export function Shell() {
  const session = useSession();
  const at = useLocation();
  const navigate = useNavigate();
  const content = useRef<HTMLDivElement>(null);
  const menu = useRef<HTMLDetailsElement>(null);
  // Another screen begins at its top, and the menu does not stay open over it.
  useEffect(() => {
    content.current?.scrollTo(0, 0);
    menu.current?.removeAttribute("open");
  }, [at.pathname]);
  if (!session.me) return <Navigate to={`/sign-in?to=${encodeURIComponent(at.pathname + at.search)}`} replace />;
  const name = session.me.user?.name || session.me.user?.login || "";
  const shown = groups
    .map((g) => ({ ...g, places: g.places.filter((p) => !p.permission || session.may(p.permission)) }))
    .filter((g) => g.places.length > 0);
  return (
    <div className="shell">
      <a className="skip" href="#main">
        跳到正文
      </a>
      <nav className="side" aria-label="主菜单">
        <Link to="/" className="brand">
          <Mark />
          <span>锦鲤 Koi</span>
        </Link>
        {shown.map((g) => (
          <div key={g.key} className="group" role="group" aria-label={g.label}>
            {g.places.length > 1 ? (
              <>
                <div className="group-name">
                  {g.icon}
                  <span>{g.label}</span>
                </div>
                <div className="places">
                  {g.places.map((p) => (
                    <NavLink key={p.path} to={p.path} className="place inner">
                      {p.label}
                    </NavLink>
                  ))}
                </div>
              </>
            ) : (
              <NavLink to={g.places[0]!.path} end={g.places[0]!.path === "/"} className="place" title={g.label}>
                {g.icon}
                <span>{g.label}</span>
              </NavLink>
            )}
          </div>
        ))}
      </nav>
      <header className="top">
        <details
          ref={menu}
          className="user"
          onBlur={(e) => !e.currentTarget.contains(e.relatedTarget) && e.currentTarget.removeAttribute("open")}
          onKeyDown={(e) => e.key === "Escape" && e.currentTarget.removeAttribute("open")}
        >
          <summary aria-label={`${name}，打开用户菜单`}>
            <span className="face" aria-hidden>
              {name.slice(0, 1)}
            </span>
            {name}
          </summary>
          <div className="user-menu">
            <button
              type="button"
              onClick={async () => {
                await session.signOut();
                navigate("/sign-in");
              }}
            >
              退出登录
            </button>
          </div>
        </details>
      </header>
      <div className="content" id="main" tabIndex={-1} ref={content}>
        <Suspense fallback={<Wait />}>
          <Frame />
        </Suspense>
      </div>
    </div>
  );
}

/** Shown while a screen's code is on its way. */
export function Wait() {
  return (
    <div className="wait" role="status" aria-label="正在加载">
      <i />
      <i />
      <i />
    </div>
  );
}

/** The koi. */
export function Mark({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden>
      <rect width="32" height="32" rx="8" fill={color.koi} />
      <path d="M6 17c4-8 13-8 18-2l4-4v10l-4-4c-5 6-14 6-18 0z" fill="#fff" />
      <circle cx="11" cy="15.5" r="1.2" fill={color.koi} />
    </svg>
  );
}
