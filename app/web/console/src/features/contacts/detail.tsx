import { ago, api, data, readAnew, time, useSession, useStream } from "@koi/shared";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Avatar, Button, Card, Segmented, Tag, Tooltip } from "antd";
import { useState } from "react";
import { Link, useParams } from "react-router";
import { useAct } from "../../components/act";
import { actor } from "../../components/actor";
import { Ask } from "../../components/ask";
import { Fact, Grade, LiveDot, MessageState } from "../../components/marks";
import { Failure, Loading, Nothing } from "../../components/states";
import { color } from "../../theme";
import { Consents } from "./consents";
import { EditProfile, EditTags } from "./edit";
import { Scores } from "./scores";
import { Timeline } from "./timeline";

/** 客户 360: who somebody is, what they did, what that says, and what we sent. It changes as they act. */
export default function ContactPage() {
  const { id = "" } = useParams();
  const client = useQueryClient();
  const contact = useQuery({ queryKey: ["contact", id], queryFn: () => data(api.GET("/contacts/{id}", { params: { path: { id } } })) });
  const [kind, setKind] = useState<string>("all");
  const [fresh, setFresh] = useState<ReadonlySet<string>>(new Set());
  const live = useStream(
    ["events"],
    {
      entry(e) {
        setFresh((old) => new Set([...old, e.id]));
        readAnew(client, ["contact", id]);
        readAnew(client, ["timeline", id]);
        if (e.type.startsWith("consent.")) readAnew(client, ["consents", id]);
        if (e.type.startsWith("message.")) readAnew(client, ["messages", { contact: id }]);
      },
      reset() {
        void client.invalidateQueries();
      },
    },
    { contact: id },
  );
  if (contact.isPending) return <Loading />;
  if (contact.error) return <Failure error={contact.error} onRetry={() => void contact.refetch()} />;
  const c = contact.data;
  const friends = c.staff_links.filter((l) => !l.removed_at);
  return (
    <main className="page">
      <title>{`${c.name || "客户"} · 锦鲤 Koi`}</title>
      <nav aria-label="位置" style={{ fontSize: 13, color: color.quiet, marginBottom: 8 }}>
        <Link to="/contacts">客户</Link> / {c.name || `客户 ${c.id}`}
      </nav>
      <Card variant="borderless" style={{ marginBottom: 16 }}>
        <div style={{ display: "flex", gap: 16, alignItems: "center", flexWrap: "wrap" }}>
          <Avatar size={56} style={{ background: color.accent, fontSize: 24 }}>
            {(c.name || "客").slice(0, 1)}
          </Avatar>
          <div style={{ flex: 1, minWidth: 240 }}>
            <h1 style={{ fontSize: 20, margin: 0, display: "flex", gap: 8, alignItems: "center" }}>
              {c.name || `客户 ${c.id}`}
              {c.place && <Tag color="blue">{c.place.name}</Tag>}
              {c.place?.side && <Tag color="orange">{c.place.side.name}</Tag>}
              {c.excluded && <Tooltip title="本公司员工、竞争对手或测试名单：不评分、不提醒"><Tag>不计分</Tag></Tooltip>}
            </h1>
            <div style={{ color: color.quiet }}>
              {[c.company, c.title].filter(Boolean).join(" · ") || "还不知道公司与职位"}
              {friends.length > 0 && `　跟进：${friends.map((l) => l.name || l.user_id).join("、")}`}
            </div>
          </div>
          {c.scores.map((s) => (
            <div key={s.key} style={{ textAlign: "center", minWidth: 72 }}>
              <div className="num" style={{ fontSize: 28, lineHeight: "32px", fontWeight: 600, color: s.key === "intent" && s.points >= 70 ? color.koi : color.ink }}>
                {s.points}
              </div>
              <div style={{ color: color.quiet }}>{s.name}</div>
            </div>
          ))}
          <div style={{ textAlign: "center", minWidth: 72 }}>
            <div style={{ height: 32, display: "grid", placeItems: "center" }}>
              <Grade grade={c.grade} />
            </div>
            <div style={{ color: color.quiet }}>等级</div>
          </div>
          <LiveDot on={live} />
        </div>
      </Card>
      <div className="three">
        <div className="stack">
          <Card variant="borderless" title="标签" size="small" extra={<EditTags contact={c} />}>
            {c.held_tags.length === 0 && <Nothing what="还没有标签" />}
            <div style={{ display: "flex", gap: 6, flexWrap: "wrap" }}>
              {c.held_tags.map((t) => (
                <Tooltip key={t.key} title={`${t.source_label}：${t.reason || "—"}（${time(t.at)}）`}>
                  <Tag tabIndex={0} variant="filled">
                    {t.name}
                  </Tag>
                </Tooltip>
              ))}
            </div>
          </Card>
          <Card variant="borderless" title="资料" size="small" extra={<EditProfile contact={c} />}>
            {c.values.map((v) => (
              <Fact key={v.key} name={v.label}>
                {v.text}
              </Fact>
            ))}
            <Fact name="建立时间">{time(c.created_at)}</Fact>
            <Fact name="最近活跃">{ago(c.last_active_at)}</Fact>
          </Card>
          <Card variant="borderless" title="身份" size="small">
            {c.identities.map((i) => (
              <Fact key={i.id} name={i.label}>
                {i.kind === "phone" || i.kind === "email" ? <Personal contact={c.id} kind={i.kind} shown={i.value} /> : <span title={i.scope}>{i.value}</span>}
                {i.verified && <Tag style={{ marginInlineStart: 6 }}>已验证</Tag>}
              </Fact>
            ))}
            {c.merged_ids.length > 0 && <Fact name="合并">由 {c.merged_ids.length + 1} 份资料合并而成</Fact>}
          </Card>
          <Card variant="borderless" title="关系" size="small">
            {c.follows.map((f) => (
              <Fact key={f.app_id} name="公众号">
                {f.account || f.app_id}
                <div style={{ color: f.unfollowed_at ? color.bad : color.quiet, fontSize: 13 }}>{f.unfollowed_at ? `${time(f.unfollowed_at)} 取关` : `${time(f.followed_at)} 关注`}</div>
              </Fact>
            ))}
            {c.staff_links.map((l) => (
              <Fact key={l.corp_id + l.user_id} name="企微好友">
                {l.name || l.user_id}
                <div style={{ color: l.removed_at ? color.bad : color.quiet, fontSize: 13 }}>
                  {l.removed_at ? `${time(l.removed_at)} ${l.removed_by === "customer" ? "被客户删除" : l.removed_by === "staff" ? "删除了客户" : "已不是好友"}` : `${time(l.added_at)} 添加`}
                </div>
              </Fact>
            ))}
            {c.follows.length + c.staff_links.length === 0 && <Nothing what="还没有关注，也没有企微好友" />}
          </Card>
        </div>
        <Card
          variant="borderless"
          title="时间线"
          size="small"
          extra={
            <Segmented
              size="small"
              value={kind}
              onChange={setKind}
              options={[
                { value: "all", label: "全部" },
                { value: "acts", label: "客户行为" },
                { value: "messages", label: "消息" },
                { value: "changes", label: "标签与阶段" },
              ]}
            />
          }
        >
          <Timeline contact={id} kind={kind} fresh={fresh} />
        </Card>
        <div className="stack">
          <Scores standings={c.standings} />
          <Card variant="borderless" title="阶段" size="small">
            {!c.place && <Nothing what="还没有阶段" />}
            {c.place?.steps.slice(0, 6).map((s) => (
              <div key={s.event + s.to} style={{ padding: "6px 0", borderBottom: `1px solid ${color.line}` }}>
                <div>
                  {s.from ? `${s.from} → ` : ""}
                  <b>{s.to}</b>
                  <span style={{ float: "right", color: color.quiet, fontSize: 13 }}>{time(s.at)}</span>
                </div>
                <div style={{ color: color.quiet, fontSize: 13 }}>{[s.by_label, s.who && actor(s.who), s.reason, ...(s.because ?? [])].filter(Boolean).join("；")}</div>
              </div>
            ))}
          </Card>
          <Card variant="borderless" title="旅程" size="small">
            {c.runs.length === 0 && <Nothing what="没有进入过旅程" />}
            {c.runs.map((r) => (
              <div key={r.id} style={{ padding: "6px 0", borderBottom: `1px solid ${color.line}` }}>
                <Link to={`/journeys/${r.journey_id}`}>{r.journey}</Link>
                <span style={{ float: "right", color: color.quiet, fontSize: 13 }}>{r.status_label}</span>
                <div style={{ color: color.quiet, fontSize: 13 }}>
                  {r.node_label} · {time(r.ended_at ?? r.arrived_at)}
                  {r.reason ? ` · ${r.reason}` : ""}
                </div>
              </div>
            ))}
          </Card>
          <Messages contact={id} />
          <Consents contact={id} />
        </div>
      </div>
    </main>
  );
}

/** A masked phone number or address. To see it whole is an act that is on record. */
function Personal({ contact, kind, shown }: { contact: string; kind: "phone" | "email"; shown: string }) {
  const session = useSession();
  const [asking, setAsking] = useState(false);
  const reveal = useAct((reason: string) => data(api.POST("/contacts/{id}/reveal", { params: { path: { id: contact } }, body: { field: kind, reason } })), { quiet: true, onDone: () => setAsking(false) });
  if (reveal.data) return <span className="num">{reveal.data.values.map((v) => v.value).join("、")}</span>;
  return (
    <>
      <span className="num">{shown}</span>{" "}
      {session.may("contacts.reveal") && (
        <Button type="link" size="small" style={{ padding: 0 }} onClick={() => setAsking(true)}>
          查看
        </Button>
      )}
      {asking && (
        <Ask
          title={`查看完整${kind === "phone" ? "手机号" : "邮箱"}`}
          label="用途（会记入审计），如 回访报价"
          ok="查看"
          act={reveal}
          onClose={() => setAsking(false)}
        />
      )}
    </>
  );
}

function Messages({ contact }: { contact: string }) {
  const q = useQuery({ queryKey: ["messages", { contact }], queryFn: () => data(api.GET("/messages", { params: { query: { contact, limit: 20 } } })) });
  return (
    <Card variant="borderless" title="消息" size="small">
      {q.error && <Failure small error={q.error} onRetry={() => void q.refetch()} />}
      {q.data?.items.length === 0 && <Nothing what="还没有给 TA 发过消息" />}
      {q.data?.items.map((m) => (
        <div key={m.id} style={{ padding: "6px 0", borderBottom: `1px solid ${color.line}` }}>
          <Link to={`/messages?open=${m.id}`}>{m.channel_label}</Link>
          <span style={{ float: "right" }}>
            <MessageState state={m.state} label={m.state_label} />
          </span>
          <div style={{ color: color.quiet, fontSize: 13 }}>
            {time(m.created_at)}
            {m.reason_label ? ` · ${m.reason_label}` : ""}
          </div>
        </div>
      ))}
    </Card>
  );
}
