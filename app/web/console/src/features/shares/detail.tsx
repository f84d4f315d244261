import { api, count, data, time, useSession } from "@koi/shared";
import { useQuery } from "@tanstack/react-query";
import { Alert, Button, Card, Tag } from "antd";
import { useState } from "react";
import { Link, useParams } from "react-router";
import { useAct } from "../../components/act";
import { Ask } from "../../components/ask";
import { Fact, LiveDot } from "../../components/marks";
import { useRefresh } from "../../components/refresh";
import { Failure, Loading, Nothing } from "../../components/states";
import { color } from "../../theme";
import { useNames } from "../journeys/names";
import { Copy } from "../settings/copy";
import "./shares.css";
import { below, levelsOf, nameOf, personName, type Row, rowsOf } from "./tree";

const creditTones: Record<string, string> = { pending: "gold", settled: "green", reversed: "red" };

/** A chain as it grew: who opened, through whom, and whether that counts. */
export default function SharePage() {
  const { token = "" } = useParams();
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const q = useQuery({ queryKey: ["share", token], queryFn: () => data(api.GET("/shares/{token}", { params: { path: { token } } })) });
  const live = useRefresh(["events"], [["share", token]]);
  const names = useNames();
  if (q.isPending) return <Loading />;
  if (q.error && !q.data) return <Failure error={q.error} onRetry={() => void q.refetch()} />;
  const t = q.data;
  const rows = rowsOf(t.children, closed);
  const sum = below(t);
  const levels = levelsOf(t.children);
  const widest = Math.max(1, ...levels.map((l) => l.all));
  const name = nameOf(t.sharer);
  const page = names("page", t.page) ?? t.page;
  return (
    <main className="page">
      <title>{`${name}的分享 · 锦鲤 Koi`}</title>
      <div className="page-head">
        <div>
          <div style={{ fontSize: 13 }}>
            <Link to="/shares">分享链路</Link>
            <span style={{ color: color.quiet }}> / {page}</span>
          </div>
          <h1>
            {name}的分享：{page}
          </h1>
          {t.path.length > 1 && <p>从源头到这里：{t.path.map((s) => nameOf(s)).join(" → ")}</p>}
        </div>
        <LiveDot on={live} />
      </div>
      {t.truncated && <Alert type="info" showIcon title="链太大，这里只画前面一部分；点开下级的「只看他」看其余的。" style={{ marginBottom: 16 }} />}
      <div style={{ display: "grid", gridTemplateColumns: "minmax(0,1fr) 336px", gap: 16, alignItems: "start" }}>
        <Card variant="borderless" size="small" title="链路">
          <div className="chain">
            <div className="who" style={{ borderColor: color.koi }}>
              <span className="dot" style={{ background: color.koi }} aria-hidden>
                {name.slice(0, 1)}
              </span>
              <b>{name}</b>
              {t.sharer.staff && <Tag color="blue">源头员工</Tag>}
              <span style={{ marginInlineStart: "auto", color: color.quiet }} className="num">
                打开 {count(sum.all)} 次，计入 {count(sum.counted)} 人
              </span>
            </div>
          </div>
          {rows.length === 0 && <Nothing what="还没有人通过这个链接打开" hint="有人打开，会自动长在这里。" />}
          <div role="tree" aria-label="传播链">
            {rows.map((r) => (
              <Line
                key={r.node.credit_id}
                row={r}
                closed={closed.has(r.node.credit_id)}
                onToggle={() =>
                  setClosed((old) => {
                    const next = new Set(old);
                    if (!next.delete(r.node.credit_id)) next.add(r.node.credit_id);
                    return next;
                  })
                }
                share={token}
              />
            ))}
          </div>
        </Card>
        <div style={{ display: "grid", gridTemplateColumns: "minmax(0,1fr)", gap: 16 }}>
          <Card variant="borderless" size="small" title="每一层多少人">
            {levels.length === 0 && <Nothing what="还没有人" />}
            {levels.map((l) => (
              <div key={l.depth} style={{ display: "grid", gridTemplateColumns: "56px minmax(0,1fr) 96px", gap: 8, alignItems: "center", padding: "4px 0" }}>
                <span>第 {l.depth} 层</span>
                <span aria-hidden style={{ height: 10, borderRadius: 5, background: color.line, overflow: "hidden", width: `${(l.all / widest) * 100}%` }}>
                  <span style={{ display: "block", height: "100%", width: `${(l.counted / l.all) * 100}%`, background: color.koi }} />
                </span>
                <span className="num" style={{ textAlign: "right" }}>
                  计入 <b>{l.counted}</b> / {l.all}
                </span>
              </div>
            ))}
          </Card>
          <Card variant="borderless" size="small" title="链接">
            <Copy text={t.url} name="链接" />
            <div style={{ marginTop: 12 }}>
              <Fact name="怎么计">一人一页只计一次。本人、员工、机器人、循环和异常集中的打开不计，灰色标出原因。</Fact>
              <Fact name="结算">先记「待结算」，到期再核对一遍，才成为业绩。</Fact>
            </div>
          </Card>
        </div>
      </div>
    </main>
  );
}

function Line({ row, closed, onToggle, share }: { row: Row; closed: boolean; onToggle(): void; share: string }) {
  const session = useSession();
  const [asking, setAsking] = useState(false);
  const { node: n, rails, last } = row;
  const reverse = useAct((reason: string) => data(api.POST("/shares/credits/{id}/reverse", { params: { path: { id: n.credit_id } }, body: { reason } })), {
    done: "已撤销，原因会给当事员工看",
    changes: [["share", share], ["shares"]],
    quiet: true,
    onDone: () => setAsking(false),
  });
  const sub = below(n);
  const name = n.mark === "self" ? "本人" : personName(n.contact);
  return (
    <div className="chain" role="treeitem" aria-level={rails.length + 1} aria-expanded={n.children.length ? !closed : undefined}>
      {rails.map((on, i) => (
        <span key={i} className={on ? "rail on" : "rail"} aria-hidden />
      ))}
      <span className={last ? "rail own last" : "rail own"} aria-hidden />
      <div className={n.counted ? "who" : "who no"}>
        <span className="dot" style={{ background: n.counted ? (sub.all >= 2 ? "#e8833a" : color.accent) : "#b8c1d1" }} aria-hidden>
          {name.slice(0, 1)}
        </span>
        <span style={{ minWidth: 0 }}>
          {n.contact.id ? <Link to={`/contacts/${n.contact.id}`}>{name}</Link> : name}
          {n.newcomer && n.counted && (
            <Tag variant="filled" color="green" style={{ marginInlineStart: 8 }}>
              新访客
            </Tag>
          )}
          <span style={{ display: "block", color: color.quiet, fontSize: 13 }}>
            {n.depth > 0 && `第 ${n.depth} 层 · `}
            {time(n.at)}
            {n.root && ` · 源头 ${n.root.name || n.root.user_id}`}
          </span>
        </span>
        <span style={{ marginInlineStart: "auto", textAlign: "right", display: "flex", gap: 8, alignItems: "center", flexWrap: "wrap", justifyContent: "flex-end" }}>
          {n.counted ? (
            <Tag variant="filled" color={creditTones[n.credit]} title={n.settles_at ? `${time(n.settles_at)} 结算` : undefined}>
              计入 · {n.credit_label}
            </Tag>
          ) : (
            <span title={n.mark_note}>
              {n.credit === "reversed" ? n.mark_label : n.credit === "fresh" || n.credit === "waiting" ? n.credit_label : "不计"}：{n.credit === "reversed" ? n.reason : n.mark_label}
            </span>
          )}
          {n.counted && session.may("shares.reverse") && (
            <Button
              size="small"
              type="text"
              aria-label={`撤销 ${name}`}
              onClick={() => setAsking(true)}
            >
              撤销
            </Button>
          )}
          {asking && (
            <Ask
              title={`撤销 ${name} 的这笔业绩？`}
              label="原因（会给当事员工看）"
              ok="撤销"
              danger
              act={reverse}
              onClose={() => setAsking(false)}
            />
          )}
          {n.children.length > 0 && (
            <Button size="small" onClick={onToggle} aria-label={`${closed ? "展开" : "收起"} ${name} 带来的人`}>
              {closed ? `展开 ${count(sub.all)} 人` : "收起"}
            </Button>
          )}
        </span>
      </div>
    </div>
  );
}
