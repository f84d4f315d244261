import { api, clock, data, day, type Schema, span } from "@koi/shared";
import { useInfiniteQuery } from "@tanstack/react-query";
import { InfiniteScroll } from "antd-mobile";
import { Link } from "react-router";
import { Head } from "../../components/head";
import { Pull } from "../../components/pull";
import { Failure, Loading, Nothing } from "../../components/states";
import { byDay, letter, level, notCounted, visitorName } from "../../words";

/** Who came through my links, by time. */
export default function Visitors() {
  const q = useInfiniteQuery({
    queryKey: ["visitors"],
    queryFn: ({ pageParam }) => data(api.GET("/my/visitors", { params: { query: { cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next || undefined,
    // Employees hear no stream of events, which are about customers.
    refetchInterval: 10_000,
  });
  const list = (q.data?.pages ?? []).flatMap((p) => p.items);
  return (
    <>
      <Head title="访客" />
      <Pull onRefresh={() => q.refetch()}>
        {q.isPending && <Loading />}
        {q.error && !q.data && <Failure error={q.error} onRetry={() => void q.refetch()} />}
        {q.data && list.length === 0 && <Nothing what="还没有访客" hint="到「分享」里复制链接或海报发给客户，谁打开了会出现在这里。" />}
        {byDay(list, day).map(([name, some]) => (
          <section key={name}>
            <h2 className="day">{name}</h2>
            <div className="card" style={{ paddingBlock: 4 }}>
              {some.map((v) => (
                <Visit key={v.credit_id} visit={v} />
              ))}
            </div>
          </section>
        ))}
        {list.length > 0 && (
          <InfiniteScroll hasMore={!!q.hasNextPage} loadMore={async () => void (await q.fetchNextPage())}>
            {q.hasNextPage ? "正在读取…" : "没有更多了"}
          </InfiniteScroll>
        )}
      </Pull>
    </>
  );
}

function Visit({ visit: v }: { visit: Schema<"MyVisitor"> }) {
  const name = visitorName(v);
  const via = v.via.contact ? v.via.contact.name || "另一位访客" : "";
  const read = [v.seconds > 0 && `停留 ${span(v.seconds)}`, v.percent > 0 && `读到 ${v.percent}%`].filter(Boolean).join(" · ");
  const line = (
    <>
      <span className={v.contact.name && !v.self ? "face" : "face unknown"} aria-hidden>
        {v.self ? "我" : v.contact.name ? letter(v.contact.name) : "客"}
      </span>
      <div className="grow">
        <div className="row">
          <span className="name cut">{name}</span>
          <time className="quiet small num" dateTime={v.at} style={{ marginLeft: "auto" }}>
            {clock(v.at).slice(0, 5)}
          </time>
        </div>
        <div className="small cut">打开《{v.title}》</div>
        {v.counted && (
          <div className="row wrap" style={{ margin: "2px 0", gap: 6 }}>
            <span className="mark accent">{level(v.depth)}</span>
            {v.newcomer && <span className="mark good">新访客</span>}
            {via && <span className="mark">{via}转来</span>}
          </div>
        )}
        <div className="quiet small">{v.counted ? read || "没有停留记录" : notCounted(v)}</div>
      </div>
    </>
  );
  const look = v.counted ? "visit" : "visit off";
  return v.contact.id && !v.self ? (
    <Link className={look} to={`/contacts/${v.contact.id}`} aria-label={`${name}，打开客户详情`}>
      {line}
    </Link>
  ) : (
    <div className={look} title={v.mark_note}>
      {line}
    </div>
  );
}
