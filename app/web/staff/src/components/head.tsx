import type { ReactNode } from "react";
import { useLocation, useNavigate } from "react-router";

/** The title of a tab. */
export function Head({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <header className="head">
      <h1>{title}</h1>
      {children}
    </header>
  );
}

/** The title of a screen below a tab. Who came by a link goes back to the tab above. */
export function BackHead({ title, up, children }: { title: string; up: string; children?: ReactNode }) {
  const navigate = useNavigate();
  const first = useLocation().key === "default";
  return (
    <header className="head page">
      <button type="button" className="back" aria-label="返回" onClick={() => (first ? navigate(up) : navigate(-1))}>
        <svg viewBox="0 0 24 24" width="24" height="24" fill="none" stroke="currentColor" strokeWidth="2" aria-hidden>
          <path d="M15 5l-7 7 7 7" />
        </svg>
      </button>
      <h1>{title}</h1>
      {children}
    </header>
  );
}

/** Whether what is shown follows what happens. */
export function Live({ on }: { on: boolean }) {
  return <span className={on ? "live on" : "live"}>{on ? "实时" : "下拉刷新"}</span>;
}
