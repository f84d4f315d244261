import { api, clock, data, time, type Schema, useSession } from "@koi/shared";
import { useQuery } from "@tanstack/react-query";
import { App, Button, Drawer, Skeleton, Tag } from "antd";
import { Link } from "react-router";
import { useAct } from "../../components/act";
import { Fact, MessageState } from "../../components/marks";
import { Failure } from "../../components/states";
import { color } from "../../theme";
import { preview } from "./body";
import { Bubble } from "./preview";
import { classes, retryable, tryEnd, whom } from "./words";

type Detail = Schema<"MessageDetail">;

const tones: Record<string, string> = { suppressed: color.warn, failed: color.bad, unknown: color.bad, sent: color.good, delivered: color.good };

/** One message: what happened, why, what comes next, what it said, and every try. */
export function MessageDrawer({ id, journey, onClose }: { id: string; journey(id: string): string | undefined; onClose(): void }) {
  const q = useQuery({ queryKey: ["message", id], queryFn: () => data(api.GET("/messages/{id}", { params: { path: { id } } })), enabled: !!id });
  return (
    <Drawer open={!!id} onClose={onClose} size={520} title={q.data ? q.data.channel_label : "消息"} extra={q.data && <MessageState state={q.data.state} label={q.data.state_label} />} destroyOnHidden>
      {q.isPending && <Skeleton active />}
      {q.error && !q.data && <Failure small error={q.error} onRetry={() => void q.refetch()} />}
      {q.data && <Whole message={q.data} journey={journey} />}
    </Drawer>
  );
}

function Whole({ message: m, journey }: { message: Detail; journey(id: string): string | undefined }) {
  const seen = preview(m.body);
  const role = useSession().me?.user?.role ?? "";
  const wide = !["sales", "leader"].includes(role); // a digest tells of customers of others, too
  const tone = tones[m.state] ?? color.quiet;
  return (
    <div style={{ display: "grid", gap: 24 }}>
      <section style={{ borderInlineStart: `3px solid ${tone}`, background: `color-mix(in srgb, ${tone} 6%, white)`, borderRadius: 6, padding: "12px 16px" }} aria-label="经过与原因">
        <div style={{ fontWeight: 600 }}>{m.explanation.what}</div>
        {m.explanation.why && <div style={{ marginTop: 6 }}>{m.explanation.why}</div>}
        <div style={{ marginTop: 6 }}>
          <span style={{ color: color.quiet }}>接下来：</span>
          {m.explanation.next}
        </div>
        <Acts message={m} />
      </section>
      <section>
        <h3 style={{ fontSize: 14, margin: "0 0 8px" }}>内容</h3>
        {seen ? <Bubble preview={seen} /> : <span style={{ color: color.quiet }}>{m.kind === "code" ? "验证码不显示。" : m.channel === "webhook" ? "推送的是数据，见对方系统。" : "内容已不在保留期内。"}</span>}
      </section>
      <section>
        <Fact name="发给">
          {whom(m)}
          {m.contact_id && (
            <>
              {" "}
              <Link to={`/contacts/${m.contact_id}`} style={{ marginInlineStart: 8 }}>{m.class === "staff_alert" ? `关于 ${m.contact_name || `客户 ${m.contact_id}`}` : "打开 360"}</Link>
            </>
          )}
        </Fact>
        <Fact name="地址">
          <span style={{ color: color.quiet }}>{m.to}</span>
        </Fact>
        <Fact name="从">{m.account}</Fact>
        <Fact name="性质">
          {classes[m.class] ?? m.class}
          {m.test && <Tag style={{ marginInlineStart: 8 }}>测试</Tag>}
        </Fact>
        {m.journey_id && (
          <Fact name="旅程">
            <Link to={`/journeys/${m.journey_id}`}>{journey(m.journey_id) ?? `旅程 ${m.journey_id}`}</Link>
          </Fact>
        )}
        <Fact name="产生">{time(m.created_at)}</Fact>
        {m.due_at && <Fact name="自动处理">{time(m.due_at)}</Fact>}
        {m.expires_at && <Fact name="过期">{time(m.expires_at)}</Fact>}
        {m.platform_id && <Fact name="平台编号">{m.platform_id}</Fact>}
      </section>
      <section>
        <h3 style={{ fontSize: 14, margin: "0 0 8px" }}>每一次尝试</h3>
        {m.digest_id && (
          <span>
            没有单独发送，与其他提醒合并成了一条。{wide && <Link to={`/messages?open=${m.digest_id}`}>看合并的那一条 →</Link>}
          </span>
        )}
        {!m.digest_id && m.tries.length === 0 && <span style={{ color: color.quiet }}>没有交给过平台。</span>}
        {m.tries.map((t) => (
          <div key={t.number} style={{ padding: "8px 0", borderBottom: `1px solid ${color.line}` }}>
            <b style={{ fontWeight: 500 }}>第 {t.number} 次</b>
            <span>　{tryEnd(t)}</span>
            <span className="num" style={{ float: "right", color: color.quiet, fontSize: 13 }}>
              {time(t.at).slice(0, 5)} {clock(t.at)}
            </span>
            {(t.detail || !!t.code) && (
              <div style={{ color: color.quiet }}>
                {t.detail}
                {t.code ? `（平台错误码 ${t.code}）` : ""}
              </div>
            )}
          </div>
        ))}
      </section>
    </div>
  );
}

/** What an operator may do about it, each after a question. */
function Acts({ message: m }: { message: Detail }) {
  const session = useSession();
  const { modal } = App.useApp();
  const changes = [["message", m.id], ["messages"]];
  const done = (d: Detail) => (d.pending ? "已保存，排队处理中" : `现在是「${d.state_label}」${d.reason_label ? `：${d.reason_label}` : ""}`);
  const retry = useAct(() => data(api.POST("/messages/{id}/retry", { params: { path: { id: m.id } } })), { done, changes });
  const settle = useAct((outcome: "sent" | "not_sent") => data(api.POST("/messages/{id}/settle", { params: { path: { id: m.id } }, body: { outcome } })), { done, changes });
  if (!session.may("messages.retry")) return null;
  const ask = (title: string, content: string, act: () => Promise<unknown>) => void modal.confirm({ title, content, okText: "确定", onOk: () => act().catch(() => undefined) });
  return (
    <div style={{ display: "flex", gap: 8, marginTop: 12, flexWrap: "wrap" }}>
      {m.state === "unknown" && (
        <>
          <Button onClick={() => ask("对方已收到？", "核对过对方已收到，这条消息记为已发送，不会再发。", () => settle.mutateAsync("sent"))} loading={settle.isPending && settle.variables === "sent"}>
            对方已收到
          </Button>
          <Button onClick={() => ask("对方没收到？", "核对过对方没有收到，这条消息记为失败，之后可以重试。", () => settle.mutateAsync("not_sent"))} loading={settle.isPending && settle.variables === "not_sent"}>
            对方没收到
          </Button>
        </>
      )}
      {retryable(m) && (
        <Button
          type={m.state === "failed" ? "primary" : "default"}
          loading={retry.isPending}
          onClick={() =>
            ask(
              "再发一次？",
              m.state === "suppressed"
                ? "会重新检查同意、频次和免打扰；原因没有消除，仍会被拦截，对方不会收到。"
                : m.state === "unknown"
                  ? "对方可能已经收到过：再发一次，可能收到两遍。建议先核对。"
                  : "会重新检查发送规则，通过后马上发给对方。",
              () => retry.mutateAsync(undefined),
            )
          }
        >
          重试
        </Button>
      )}
    </div>
  );
}
