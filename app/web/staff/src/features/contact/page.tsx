import { ago, api, clock, data, day, reason, type Schema, time, useSession } from "@koi/shared";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { InfiniteScroll } from "antd-mobile";
import { useState } from "react";
import { useParams } from "react-router";
import { BackHead, Live } from "../../components/head";
import { Pull } from "../../components/pull";
import { useLive } from "../../components/live";
import { copy } from "../../components/copy";
import { Failure, Loading, Nothing } from "../../components/states";
import { byDay, letter, signed } from "../../words";
import { Reveal } from "./reveal";

/** One customer on one screen: who, how hot and why, how to reach them, what they did. */
export default function Contact() {
  const id = useParams().id ?? "";
  const session = useSession();
  const q = useQuery({ queryKey: ["contact", id], queryFn: () => data(api.GET("/contacts/{id}", { params: { path: { id } } })) });
  const live = useLive(["events"], [["contact", id], ["timeline", id]], { contact: id, off: !q.data });
  const [asked, setAsked] = useState<"phone" | "email">();
  const c = q.data;
  const name = c?.name || "未留姓名";
  return (
    <>
      <BackHead title={c ? name : "客户"} up="/leads">
        {c && <Live on={live} />}
      </BackHead>
      {q.isPending && <Loading />}
      {q.error && !c && <Failure error={q.error} onRetry={() => void q.refetch()} />}
      {c && (
        <Pull onRefresh={() => q.refetch()}>
          <Who contact={c} />
          <section className="card">
            <h2>联系</h2>
            <Ways contact={c} may={session.may("contacts.reveal")} onAsk={setAsked} />
          </section>
          <Scores contact={c} />
          {c.held_tags.length > 0 && (
            <section className="card">
              <h2>标签</h2>
              <div className="row wrap">
                {c.held_tags.map((t) => (
                  <span key={t.key} className="mark">
                    {t.name}
                  </span>
                ))}
              </div>
            </section>
          )}
          <Facts contact={c} />
          <Timeline contact={id} />
        </Pull>
      )}
      {asked && c && <Reveal contact={id} name={name} field={asked} onClose={() => setAsked(undefined)} />}
    </>
  );
}

function Who({ contact: c }: { contact: Schema<"Contact"> }) {
  const name = c.name || "未留姓名";
  const intent = c.scores.find((s) => s.key === "intent");
  return (
    <section className="card">
      <div className="row" style={{ gap: 12, alignItems: "flex-start" }}>
        <span className="face" aria-hidden>
          {letter(name)}
        </span>
        <div className="grow">
          <div className="row wrap">
            <span className="name">{name}</span>
            {c.grade && <span className="mark hot">{c.grade}</span>}
            {c.excluded && <span className="mark">不计分</span>}
          </div>
          <div className="quiet small">{[c.company || "公司未知", c.title].filter(Boolean).join(" · ")}</div>
        </div>
        {intent && (
          <div className="heat">
            <b className="num">{intent.points}</b>
            <span>{intent.name}</span>
          </div>
        )}
      </div>
      <div className="foot row wrap">
        {c.stage && <span className="mark accent">{c.stage.name}</span>}
        {c.place?.side && <span className="mark">{c.place.side.name}</span>}
        <span>{c.last_active_at ? `${ago(c.last_active_at)}活跃` : "还没有活跃"}</span>
        {c.staff.length > 0 && <span>· 好友 {c.staff.map((s) => s.name).join("、")}</span>}
      </div>
    </section>
  );
}

function Ways({ contact: c, may, onAsk }: { contact: Schema<"Contact">; may: boolean; onAsk(field: "phone" | "email"): void }) {
  const known = c.identities.filter((i) => i.kind === "phone" || i.kind === "email");
  const wecom = c.staff.length > 0;
  return (
    <>
      {known.length === 0 && <p className="quiet" style={{ margin: 0 }}>{wecom ? "没有留下电话：可以在企业微信里直接发消息。" : "还没有留下联系方式。"}</p>}
      {known.map((i) => (
        <div key={i.id} className="row" style={{ minHeight: 48 }}>
          <span className="quiet small" style={{ width: 56 }}>
            {i.label}
          </span>
          <span className="grow num cut">{i.value}</span>
          {may && (
            <button type="button" className={i.kind === "phone" ? "button main" : "button"} onClick={() => onAsk(i.kind as "phone" | "email")}>
              {i.kind === "phone" ? "打电话" : "查看"}
            </button>
          )}
        </div>
      ))}
      <div className="actions">
        <button type="button" className="button fill" onClick={() => void copy([c.name, c.company, c.title].filter(Boolean).join(" "), "已复制姓名与公司")}>
          复制姓名与公司
        </button>
      </div>
    </>
  );
}

function Scores({ contact: c }: { contact: Schema<"Contact"> }) {
  const [key, setKey] = useState("");
  const [all, setAll] = useState(false);
  const s = c.standings.find((x) => x.key === key) ?? c.standings.find((x) => x.key === "intent") ?? c.standings[0];
  if (!s) return null;
  const steps = all ? s.steps : s.steps.slice(0, 5);
  return (
    <section className="card">
      <div className="row" style={{ marginBottom: 8 }}>
        <h2 className="grow" style={{ margin: 0 }}>
          分从哪来
        </h2>
        {c.standings.length > 1 && (
          <div className="choose" role="group" aria-label="评分">
            {c.standings.map((x) => (
              <button key={x.key} type="button" aria-pressed={x === s} onClick={() => setKey(x.key)}>
                {x.name} {x.points}
              </button>
            ))}
          </div>
        )}
      </div>
      {s.steps.length === 0 && <p className="quiet" style={{ margin: 0 }}>还没有得分。</p>}
      {steps.map((r, i) => (
        <div key={(r.event ?? "") + (r.rule ?? "") + i} className="row" style={{ padding: "5px 0", alignItems: "baseline" }}>
          <b className="num" style={{ width: 48, color: r.points < 0 ? "var(--bad)" : "var(--good)" }}>
            {signed(r.points)}
          </b>
          <span className="grow">
            {reason(r)}
            {r.now !== r.points && <span className="quiet small">（现剩 {Math.round(r.now * 10) / 10}）</span>}
          </span>
          {r.at && <span className="quiet small">{ago(r.at)}</span>}
        </div>
      ))}
      {s.steps.length > 5 && (
        <div className="actions">
          <button type="button" className="button fill" onClick={() => setAll(!all)}>
            {all ? "收起" : `全部 ${s.steps.length} 条`}
          </button>
        </div>
      )}
    </section>
  );
}

function Facts({ contact: c }: { contact: Schema<"Contact"> }) {
  const shown = c.values.filter((v) => !["name", "company", "title"].includes(v.key)).slice(0, 12);
  if (shown.length === 0) return null;
  return (
    <section className="card">
      <h2>资料</h2>
      <dl className="pairs">
        {shown.map((v) => [<dt key={v.key}>{v.label}</dt>, <dd key={v.key + "="}>{v.text}</dd>])}
      </dl>
    </section>
  );
}

function Timeline({ contact }: { contact: string }) {
  const q = useInfiniteQuery({
    queryKey: ["timeline", contact],
    queryFn: ({ pageParam }) => data(api.GET("/contacts/{id}/timeline", { params: { path: { id: contact }, query: { cursor: pageParam, limit: 50 } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next || undefined,
  });
  const entries = (q.data?.pages ?? []).flatMap((p) => p.items);
  return (
    <section className="card">
      <h2>动态</h2>
      {q.error && !q.data && <Failure error={q.error} onRetry={() => void q.refetch()} />}
      {q.data && entries.length === 0 && <Nothing what="还没有动态" />}
      <div aria-live="polite">
        {byDay(entries, day).map(([name, list]) => (
          <div key={name}>
            <h3 className="day" style={{ marginInline: 0 }}>
              {name}
            </h3>
            {list.map((e) => (
              <div key={e.id} className="entry">
                <time dateTime={e.at} title={time(e.at)} className="num">
                  {clock(e.at).slice(0, 5)}
                </time>
                <i aria-hidden style={{ background: tone(e.type) }} />
                <div>
                  {e.label}
                  {e.text && <span className="quiet">　{e.text}</span>}
                </div>
              </div>
            ))}
          </div>
        ))}
      </div>
      {entries.length > 0 && (
        <InfiniteScroll hasMore={!!q.hasNextPage} loadMore={async () => void (await q.fetchNextPage())}>
          {q.hasNextPage ? "正在读取…" : "没有更早的了"}
        </InfiniteScroll>
      )}
    </section>
  );
}

function tone(type: string): string {
  if (type.startsWith("message.")) return "var(--accent)";
  if (/^(tag|stage|score)\./.test(type)) return "var(--koi)";
  return /^(journey|contact)\./.test(type) ? "#98a2b3" : "var(--good)";
}
