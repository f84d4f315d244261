import { ApiError } from "@koi/shared";
import { Button, Skeleton } from "antd";
import type { ReactNode } from "react";

export function Loading() {
  return (
    <div className="page" role="status" aria-busy="true" aria-label="正在加载">
      <Skeleton active paragraph={{ rows: 8 }} />
    </div>
  );
}

const titles: Record<number, string> = { 0: "连不上服务器", 403: "没有权限", 404: "没有找到" };

/** What went wrong and what to do: of a screen, or of a part of one. */
export function Failure({ error, onRetry, small }: { error: unknown; onRetry?: () => void; small?: boolean }) {
  const e = error instanceof ApiError ? error : new ApiError(500, "页面出错了：请刷新后再试");
  return (
    <div className={small ? "state small" : "state"} role="alert">
      {!small && <Sign d={e.status === 403 ? "M7 11V8a5 5 0 0 1 10 0v3M5.5 11h13v9.5h-13z" : e.status === 404 ? "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16.2 16.2 21 21" : "M12 3.5 22 20.5H2zM12 10v5M12 17.8v.2"} />}
      <h2>{titles[e.status] ?? "没有加载成功"}</h2>
      <p>{e.message}</p>
      {e.request && <p style={{ fontSize: 13 }}>请求编号 {e.request}</p>}
      {onRetry && e.status !== 403 && <Button onClick={onRetry}>重试</Button>}
    </div>
  );
}

/** Nothing here yet, and what would bring something. */
export function Nothing({ what, hint, action }: { what: string; hint?: ReactNode; action?: ReactNode }) {
  return (
    <div className="state" style={{ padding: "24px 16px" }}>
      <Sign d="M3.5 13.5 6 5.5h12l2.5 8v5h-17zM3.5 13.5H9a3 3 0 0 0 6 0h5.5" faint />
      <div style={{ color: "#667085" }}>{what}</div>
      {hint && <p>{hint}</p>}
      {action}
    </div>
  );
}

/** Drawn in one line: the component library's pictures weigh more than most screens. */
function Sign({ d, faint }: { d: string; faint?: boolean }) {
  return (
    <svg width="40" height="40" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.2" strokeLinecap="round" strokeLinejoin="round" aria-hidden style={faint ? { opacity: 0.6 } : undefined}>
      <path d={d} />
    </svg>
  );
}
