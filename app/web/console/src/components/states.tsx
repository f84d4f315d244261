import { ApiError } from "@koi/shared";
import { Button, Empty, Result, Skeleton } from "antd";
import type { ReactNode } from "react";

export function Loading() {
  return (
    <div className="page" aria-busy="true" aria-label="正在加载">
      <Skeleton active paragraph={{ rows: 8 }} />
    </div>
  );
}

/** What went wrong and what to do: of a screen, or of a part of one. */
export function Failure({ error, onRetry, small }: { error: unknown; onRetry?: () => void; small?: boolean }) {
  const e = error instanceof ApiError ? error : new ApiError(500, "页面出错了：请刷新后再试");
  const status = e.status === 403 ? "403" : e.status === 404 ? "404" : e.status === 0 ? "warning" : "error";
  return (
    <Result
      status={small ? "warning" : status}
      title={e.status === 403 ? "没有权限" : e.status === 404 ? "没有找到" : e.offline ? "连不上服务器" : "没有加载成功"}
      subTitle={
        <>
          {e.message}
          {e.request && <div style={{ marginTop: 4, fontSize: 12 }}>请求编号 {e.request}</div>}
        </>
      }
      extra={onRetry && <Button onClick={onRetry}>重试</Button>}
      style={small ? { padding: 16 } : undefined}
    />
  );
}

/** Nothing here yet, and what would bring something. */
export function Nothing({ what, hint, action }: { what: string; hint?: ReactNode; action?: ReactNode }) {
  return (
    <Empty
      image={Empty.PRESENTED_IMAGE_SIMPLE}
      description={
        <>
          <div>{what}</div>
          {hint && <div style={{ color: "#667085" }}>{hint}</div>}
        </>
      }
    >
      {action}
    </Empty>
  );
}
