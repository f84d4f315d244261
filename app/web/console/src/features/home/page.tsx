import { api, clock, count, data, time, useSession, useStream, type Schema } from "@koi/shared";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Button, Card, Tag } from "antd";
import { useState } from "react";
import { Link } from "react-router";
import { Grade, LiveDot, Meter } from "../../components/marks";
import { Page } from "../../components/page";
import { Failure, Loading, Nothing } from "../../components/states";
import { color } from "../../theme";
import { OnboardingCard } from "../onboarding/card";
import { Trend } from "./trend";

type Overview = Schema<"Overview">;
type Entry = Schema<"TimelineEntry">;

/** What the cards count, of one day. */
const figures: { name: string; note: string; types: string[]; good: boolean }[] = [
  { name: "新客户", note: "第一次见到的人", types: ["contact.created"], good: true },
  { name: "关注", note: "公众号新增关注", types: ["oa.followed"], good: true },
  { name: "加企微", note: "与员工成为企微好友", types: ["wecom.customer_added", "wecom.customer_half_added"], good: true },
  { name: "访问页面", note: "H5 与网站", types: ["page.viewed"], good: true },
  { name: "提交表单", note: "留下资料", types: ["form.submitted"], good: true },
  { name: "发出消息", note: "全部渠道", types: ["message.sent"], good: true },
  { name: "被拦截", note: "免打扰、频次、没有同意等", types: ["message.suppressed"], good: false },
];

export default function Home() {
  return useSession().may("system.read") ? <Morning /> : <Elsewhere />;
}

/** For who sells and shares: their work lies on the phone, their customers are a list. */
function Elsewhere() {
  const session = useSession();
  return (
    <Page title="工作台" note={`${session.me?.user?.name ?? ""}，您好`}>
      <Card variant="borderless">
        <Nothing
          what="您的线索、分享和访客在员工工作台里"
          hint="在企业微信里打开，或直接点下面的按钮；手机上用起来更顺手。"
          action={
            <span style={{ display: "inline-flex", gap: 8 }}>
              <Button type="primary" href="/staff/">
                打开员工工作台
              </Button>
              {session.may("contacts.read") && (
                <Link to="/contacts">
                  <Button>我的客户</Button>
                </Link>
              )}
            </span>
          }
        />
      </Card>
    </Page>
  );
}

/** The morning screen: what the pond did today, who is ripe, and what happens right now. */
function Morning() {
  const client = useQueryClient();
  const q = useQuery({ queryKey: ["overview"], queryFn: () => data(api.GET("/overview")), refetchInterval: 60_000 });
  const [feed, setFeed] = useState<Entry[]>([]);
  const live = useStream(["events", "system"], {
    entry(e) {
      setFeed((old) => (old.some((x) => x.id === e.id) ? old : [e, ...old].slice(0, 40)));
      // Numbers are counted on the server; a burst of events asks once.
      void client.invalidateQueries({ queryKey: ["overview"] }, { cancelRefetch: false });
    },
    reset: () => void client.invalidateQueries({ queryKey: ["overview"] }),
  });
  if (q.isPending) return <Loading />;
  if (q.error) return <Failure error={q.error} onRetry={() => void q.refetch()} />;
  const o = q.data;
  const shown = [...feed, ...o.recent.filter((e) => !feed.some((x) => x.id === e.id))].slice(0, 40);
  const fresh = new Set(feed.map((e) => e.id));
  return (
    <Page title="工作台" note={`${o.today} · 池塘里有 ${count(o.people)} 人，${count(o.inside)} 人次正在旅程里`} extra={<LiveDot on={live} />}>
      <OnboardingCard />
      <div className="figures">
        {figures.map((f) => (
          <Figure key={f.name} figure={f} days={o.days} />
        ))}
      </div>
      <div className="beside">
        <div className="stack">
          <Card variant="borderless" size="small" title={<span>刚成熟的线索{o.ripe_name && <Tag style={{ marginInlineStart: 8 }}>{o.ripe_name}</Tag>}</span>} extra={<Link to="/contacts?intent=70">全部热客户</Link>}>
            {o.ripe.length === 0 && <Nothing what="还没有成熟的线索" hint="客户足够合适又足够想买时，会出现在这里，并提醒对应的销售。" />}
            {o.ripe.map((r) => (
              <Link key={r.id} to={`/contacts/${r.id}`} className="ripe">
                <span className="cut">
                  <b>{r.name || `客户 ${r.id}`}</b>
                  <span style={{ color: color.quiet }}>　{[r.company, r.title].filter(Boolean).join(" · ") || "还不知道公司"}</span>
                </span>
                <Grade grade={r.grade} />
                <Meter points={r.scores.find((s) => s.key === "intent")?.points ?? 0} width={56} />
                <span className="cut" style={{ color: color.quiet, fontSize: 13, gridColumn: "1" }}>
                  {r.staff.map((s) => s.name || s.user_id).join("、") || "还没有销售跟进"}
                </span>
                <span className="num" style={{ color: color.quiet, fontSize: 13, gridColumn: "2 / 4", textAlign: "right" }}>
                  {time(r.at)}
                </span>
              </Link>
            ))}
          </Card>
          <Card variant="borderless" size="small" title="最近 30 天">
            <Trend days={o.days} />
          </Card>
          <Card variant="borderless" size="small" title="各阶段人数">
            <Stages stages={o.stages} />
          </Card>
        </div>
        <Card variant="borderless" size="small" title="此刻" extra={<span style={{ color: color.quiet, fontSize: 13 }}>新的在上面</span>}>
          {shown.length === 0 && <Nothing what="等待新的动态" hint="有人关注、浏览、发消息时，会立刻出现在这里。" />}
          <div aria-live="off" style={{ maxHeight: 720, overflow: "auto" }}>
            {shown.map((e) => (
              <Link key={e.id} to={`/contacts/${e.contact_id}`} className={fresh.has(e.id) ? "entry fresh" : "entry"} style={{ color: "inherit", textDecoration: "none" }}>
                <span className="num" style={{ color: color.quiet, fontSize: 13 }}>
                  {clock(e.at)}
                </span>
                <i aria-hidden style={{ background: e.type.startsWith("message.") ? color.accent : /^(tag|stage|score)\./.test(e.type) ? color.koi : color.good }} />
                <span>
                  {e.contact_name ? <b style={{ fontWeight: 600 }}>{e.contact_name}　</b> : <span style={{ color: color.quiet }}>客户 {e.contact_id}　</span>}
                  <span>{e.label}</span>
                  <span style={{ color: color.quiet, overflowWrap: "anywhere" }}>　{e.text}</span>
                </span>
              </Link>
            ))}
          </div>
        </Card>
      </div>
    </Page>
  );
}

function Figure({ figure: f, days }: { figure: (typeof figures)[number]; days: Overview["days"] }) {
  const of = (i: number) => f.types.reduce((n, t) => n + (days.at(i)?.counts[t] ?? 0), 0);
  const today = of(-1);
  const before = of(-2);
  const more = today - before;
  return (
    <Card variant="borderless" size="small" title={null} styles={{ body: { padding: 16 } }}>
      <div style={{ color: color.quiet }} title={f.note}>
        {f.name}
      </div>
      <div className="num" style={{ fontSize: 24, lineHeight: "32px", fontWeight: 600 }}>
        {count(today)}
      </div>
      <div className="num" style={{ fontSize: 13, color: color.quiet }}>
        昨天 {count(before)}
        {more !== 0 && <span style={{ color: more > 0 === f.good ? color.good : color.warn }}>　{more > 0 ? `+${count(more)}` : count(more)}</span>}
      </div>
    </Card>
  );
}

/** People by stage as bars; the numbers are written out. */
function Stages({ stages }: { stages: Overview["stages"] }) {
  const most = Math.max(1, ...stages.map((s) => s.people));
  return (
    <div style={{ display: "grid", gap: 8 }}>
      {stages.map((s) => (
        <Link key={s.key} to={`/contacts?stage=${s.key}`} style={{ display: "grid", gridTemplateColumns: "160px minmax(0,1fr) 72px", gap: 12, alignItems: "center", color: "inherit" }}>
          <span>{s.name}</span>
          <span aria-hidden style={{ height: 12, borderRadius: 6, background: color.ground, overflow: "hidden" }}>
            <span style={{ display: "block", height: "100%", width: `${(s.people / most) * 100}%`, background: color.accent, borderRadius: 6 }} />
          </span>
          <b className="num" style={{ textAlign: "right" }}>
            {count(s.people)}
          </b>
        </Link>
      ))}
    </div>
  );
}
