import { Tag, Tooltip } from "antd";
import type { ReactNode } from "react";
import { color } from "../theme";

/** A1 to D4: how well somebody fits, and how much they want. */
export function Grade({ grade }: { grade?: string }) {
  if (!grade) return <span style={{ color: color.quiet }}>—</span>;
  const hot = /^[AB][12]$/.test(grade);
  return (
    <Tag color={hot ? color.koi : undefined} variant={hot ? "solid" : "outlined"} style={{ fontWeight: 600, minWidth: 32, textAlign: "center" }}>
      {grade}
    </Tag>
  );
}

/** A score as a number and a bar; the number is always readable. */
export function Meter({ points, max = 100, width = 72 }: { points: number; max?: number; width?: number }) {
  const share = Math.max(0, Math.min(1, points / (max || 100)));
  return (
    <span style={{ display: "inline-flex", alignItems: "center", gap: 8 }}>
      <b className="num" style={{ minWidth: 28, textAlign: "right" }}>
        {points}
      </b>
      <span aria-hidden style={{ width, height: 6, borderRadius: 3, background: color.line, overflow: "hidden" }}>
        <span style={{ display: "block", width: `${share * 100}%`, height: "100%", background: share >= 0.7 ? color.koi : color.accent }} />
      </span>
    </span>
  );
}

/** Whether what is shown is live. */
export function LiveDot({ on }: { on: boolean }) {
  return (
    <Tooltip title={on ? "新的动态会自动出现" : "连接断开，正在重连；期间的动态会补上"}>
      <span role="status" style={{ display: "inline-flex", alignItems: "center", gap: 6, color: on ? color.good : color.warn, fontSize: 13 }}>
        <i style={{ width: 8, height: 8, borderRadius: 4, background: "currentColor" }} />
        {on ? "实时" : "重连中"}
      </span>
    </Tooltip>
  );
}

const states: Record<string, [text: string, tone: string]> = {
  waiting: ["等待发送", color.quiet],
  sending: ["发送中", color.accent],
  sent: ["已发送", color.good],
  delivered: ["已送达", color.good],
  failed: ["发送失败", color.bad],
  suppressed: ["被拦截", color.warn],
  unknown: ["结果未知", color.bad],
  expired: ["已过期", color.quiet],
};

/** Where a message stands, in words and colour. */
export function MessageState({ state, label }: { state: string; label?: string }) {
  const [text, tone] = states[state] ?? [state, color.quiet];
  return (
    <span style={{ display: "inline-flex", alignItems: "center", gap: 6, color: tone, whiteSpace: "nowrap" }}>
      <i aria-hidden style={{ width: 6, height: 6, borderRadius: 3, background: "currentColor" }} />
      {label ?? text}
    </span>
  );
}

/** A line of facts: a quiet name and its value. */
export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div style={{ display: "grid", gridTemplateColumns: "88px minmax(0,1fr)", gap: 8, padding: "4px 0" }}>
      <span style={{ color: color.quiet }}>{name}</span>
      <span style={{ overflowWrap: "anywhere" }}>{children}</span>
    </div>
  );
}
