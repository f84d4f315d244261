import { ago, api, data, reason, type Schema, useSession } from "@koi/shared";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { InfiniteScroll } from "antd-mobile";
import { useState } from "react";
import { Link } from "react-router";
import { Head, Live } from "../../components/head";
import { Pull } from "../../components/pull";
import { useLive } from "../../components/live";
import { Failure, Loading, Nothing } from "../../components/states";
import { letter, signed } from "../../words";

type Whose = "mine" | "team";

/** My hot customers, each with why. */
export default function Leads() {
  const session = useSession();
  const [whose, setWhose] = useState<Whose>("mine");
  const mine = useQuery({ queryKey: ["my"], queryFn: () => data(api.GET("/my")) });
  const q = useInfiniteQuery({
    queryKey: ["leads", whose],
    queryFn: ({ pageParam }) => data(api.GET("/my/leads", { params: { query: { whose, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next || undefined,
  });
  const live = useLive(["events"], [["leads"], ["my"]], { off: !session.may("contacts.read") });
  const leads = (q.data?.pages ?? []).flatMap((p) => p.items);
  return (
    <>
      <Head title="线索">
        {!!mine.data?.team && (
          <div className="choose" role="group" aria-label="看谁的线索">
            {(["mine", "team"] as const).map((w) => (
              <button key={w} type="button" aria-pressed={whose === w} onClick={() => setWhose(w)}>
                {w === "mine" ? "我的" : "团队"}
              </button>
            ))}
          </div>
        )}
        <Live on={live} />
      </Head>
      <Pull onRefresh={() => q.refetch()}>
        {q.isPending && <Loading />}
        {q.error && !q.data && <Failure error={q.error} onRetry={() => void q.refetch()} />}
        {q.data && leads.length === 0 && (
          <Nothing
            what="还没有热线索"
            hint={mine.data && !mine.data.staff ? "您的账号没有对应的员工：请管理员在「用户」里补上。" : "客户到了 MQL，或意向到 40 分，就会出现在这里，并在企业微信提醒您。"}
          />
        )}
        <div aria-live="polite">
          {leads.map((l) => (
            <LeadCard key={l.id} lead={l} team={whose === "team"} />
          ))}
        </div>
        {leads.length > 0 && (
          <InfiniteScroll hasMore={!!q.hasNextPage} loadMore={async () => void (await q.fetchNextPage())}>
            {q.hasNextPage ? "正在读取…" : "没有更多了"}
          </InfiniteScroll>
        )}
      </Pull>
    </>
  );
}

function LeadCard({ lead, team }: { lead: Schema<"Lead">; team: boolean }) {
  const name = lead.name || "未留姓名";
  return (
    <Link className="card" to={`/contacts/${lead.id}`} aria-label={`${name}，意向 ${lead.intent} 分`}>
      <div className="row" style={{ gap: 12, alignItems: "flex-start" }}>
        <span className="face" aria-hidden>
          {letter(name)}
        </span>
        <div className="grow">
          <div className="row">
            <span className="name cut">{name}</span>
            {lead.grade && <span className="mark hot">{lead.grade}</span>}
          </div>
          <div className="quiet small cut">{[lead.company || "公司未知", lead.title].filter(Boolean).join(" · ")}</div>
        </div>
        <div className="heat">
          <b className="num">{lead.intent}</b>
          <span>意向分</span>
        </div>
      </div>
      {lead.reasons.length > 0 && (
        <ul className="why" aria-label="为什么热">
          {lead.reasons.map((r, i) => (
            <li key={(r.event ?? "") + i}>
              <b className="num">{signed(r.points)}</b>
              <span className="cut">{reason(r)}</span>
              {r.at && <span>{ago(r.at)}</span>}
            </li>
          ))}
        </ul>
      )}
      <div className="foot row">
        {lead.stage && <span className="mark accent">{lead.stage.name}</span>}
        <span className="grow cut">
          {lead.alerted_at ? `${ago(lead.alerted_at)}提醒` : `${ago(lead.hot_at)}变热`}
          {team && lead.staff.length > 0 && ` · ${lead.staff.map((s) => s.name).join("、")}`}
        </span>
        {lead.phone && <span className="num">{lead.phone}</span>}
      </div>
    </Link>
  );
}
