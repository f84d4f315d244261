import { ApiError } from "@koi/shared";

/** Nothing is there, and what would bring something. */
export function Nothing({ what, hint }: { what: string; hint?: string }) {
  return (
    <div className="blank inline">
      <b>{what}</b>
      {hint && <p>{hint}</p>}
    </div>
  );
}

/** What went wrong and the way on. */
export function Failure({ error, onRetry }: { error: unknown; onRetry(): void }) {
  const e = error instanceof ApiError ? error : undefined;
  return (
    <div className="blank inline" role="alert">
      <b>{e?.offline ? "连接断开了" : e?.status === 404 ? "没有找到" : e?.status === 403 ? "没有权限" : "没有读到内容"}</b>
      <p>{e?.message ?? "请稍后再试"}</p>
      <button type="button" className="button" onClick={onRetry}>
        重试
      </button>
    </div>
  );
}

/** While the first answer is on its way. */
export function Loading({ cards = 3 }: { cards?: number }) {
  return (
    <div role="status" aria-label="正在读取">
      {Array.from({ length: cards }, (_, i) => (
        <div className="card" key={i}>
          <div className="bones" />
        </div>
      ))}
    </div>
  );
}
