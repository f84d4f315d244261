import { api, count, data, time } from "@koi/shared";
import { useQuery } from "@tanstack/react-query";
import { Alert, Button, Drawer, Skeleton, Tag } from "antd";
import { Link } from "react-router";
import { Fact } from "../../components/marks";
import { Failure, Nothing } from "../../components/states";
import { color } from "../../theme";
import { type Card, configOf, type Detail, figures, labelOf, refusals } from "./graph";
import { useNames } from "./names";

/** One step, in words: what it does, where it leads, and who is there. */
export function StepDrawer({ journey, card, onClose, onAll }: { journey: Detail; card: Card | undefined; onClose(): void; onAll(step: string): void }) {
  const names = useNames();
  const id = card?.step.id ?? "";
  const runs = useQuery({
    queryKey: ["runs", journey.id, { node: id }],
    queryFn: () => data(api.GET("/journeys/{id}/runs", { params: { path: { id: journey.id }, query: { node: id, limit: 20 } } })),
    enabled: !!card,
  });
  const steps = new Map(journey.steps.map((s) => [s.id, s]));
  const node = journey.definition.nodes.find((n) => n.id === id);
  const ways = journey.definition.edges.filter((e) => e.from === id);
  return (
    <Drawer open={!!card} onClose={onClose} size={440} mask={false} title={card?.step.label ?? ""} destroyOnHidden>
      {card && (
        <div style={{ display: "grid", gap: 16 }}>
          <div>
            <div style={{ fontSize: 15 }}>{card.step.summary}</div>
            {card.note && <div style={{ color: color.quiet }}>{card.note}</div>}
            {card.step.explain && <div style={{ color: color.quiet, marginTop: 4 }}>{card.step.explain}</div>}
          </div>
          {card.warnings.map((w) => (
            <Alert key={w} type="warning" showIcon title={w} />
          ))}
          <div style={{ display: "flex", gap: 24, flexWrap: "wrap" }}>
            {figures(card.step.counts).map((f) => (
              <div key={f.key}>
                <div className="num" style={{ fontSize: 20, fontWeight: 600 }}>
                  {count(f.n)}
                </div>
                <div style={{ color: color.quiet }}>{f.label}</div>
              </div>
            ))}
          </div>
          {card.step.counts.blocked > 0 && <Link to={`/messages?state=suppressed&journey=${journey.id}`}>看被拦截的消息和原因 →</Link>}
          {card.step.group === "trigger" && (
            <section>
              <h3 style={{ fontSize: 14, margin: "0 0 8px" }}>什么情况下触发了也不进入</h3>
              {refusals(journey.definition.settings).map((f) => (
                <Fact key={f.name} name={f.name}>
                  {f.text}
                </Fact>
              ))}
              <div style={{ color: color.quiet, marginTop: 4 }}>「没有进入」按次计，同一个人可能有多次；没有满足触发条件的不算在内。</div>
            </section>
          )}
          <section>
            {configOf(card.step, node?.config, names).map((f, i) => (
              <Fact key={i} name={f.name}>
                {f.text}
              </Fact>
            ))}
            {node?.on_error && <Fact name="失败时">{node.on_error === "stop" ? "旅程结束，记为失败" : "继续走下一步"}</Fact>}
            {ways.map((w) => (
              <Fact key={`${w.port}${w.to}`} name={labelOf(card.step, w.port || "next") || "下一步"}>
                → {steps.get(w.to)?.label ?? w.to}
                <span style={{ color: color.quiet }}>　{steps.get(w.to)?.summary}</span>
              </Fact>
            ))}
          </section>
          <section>
            <h3 style={{ fontSize: 14, margin: "0 0 8px" }}>停在或结束在这一步的人</h3>
            {runs.isPending && <Skeleton active paragraph={{ rows: 3 }} />}
            {runs.error && <Failure small error={runs.error} onRetry={() => void runs.refetch()} />}
            {runs.data?.items.length === 0 && <Nothing what="这一步现在没有人" />}
            {runs.data?.items.map((r) => (
              <div key={r.id} style={{ padding: "8px 0", borderBottom: `1px solid ${color.line}` }}>
                {r.contact_id ? <Link to={`/contacts/${r.contact_id}`}>{r.contact_name || `客户 ${r.contact_id}`}</Link> : r.staff}
                <Tag variant="filled" style={{ float: "right", marginInlineEnd: 0 }}>
                  {r.status_label}
                </Tag>
                <div style={{ color: color.quiet, fontSize: 13 }}>
                  {time(r.arrived_at)} 到达{r.due_at ? ` · ${time(r.due_at)} 继续` : ""}
                  {r.reason ? ` · ${r.reason}` : ""}
                </div>
              </div>
            ))}
            {(runs.data?.items.length ?? 0) > 0 && (
              <Button type="link" style={{ padding: 0, marginTop: 8 }} onClick={() => onAll(id)}>
                看这一步的全部
              </Button>
            )}
          </section>
          <details>
            <summary style={{ color: color.quiet, cursor: "pointer" }}>配置原文（步骤编号 {id}）</summary>
            <pre style={{ background: color.ground, padding: 12, borderRadius: 6, whiteSpace: "pre-wrap", overflowWrap: "anywhere", fontSize: 12 }}>{JSON.stringify(node?.config ?? {}, null, 2)}</pre>
          </details>
        </div>
      )}
    </Drawer>
  );
}
