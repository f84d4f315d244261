import { ago, api, ApiError, data, type Schema } from "@koi/shared";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "react-router";
import { BackHead } from "../../components/head";
import { Pull } from "../../components/pull";
import { Failure, Loading, Nothing } from "../../components/states";
import { letter, level, notCounted } from "../../words";

/** My chain on one page: who came by me, and who by them. */
export default function Chain() {
  const page = useParams().page ?? "";
  const shares = useQuery({ queryKey: ["shares"], queryFn: () => data(api.GET("/my/shares")) });
  const share = shares.data?.items.find((s) => s.page === page);
  const q = useQuery({
    queryKey: ["chain", share?.token],
    enabled: !!share,
    refetchInterval: 15_000,
    queryFn: async () => {
      try {
        return await data(api.GET("/shares/{token}", { params: { path: { token: share!.token } } }));
      } catch (e) {
        if (e instanceof ApiError && e.status === 404) return null; // a link nobody has been given yet
        throw e;
      }
    },
  });
  const error = shares.error ?? q.error;
  const nodes = q.data?.children ?? [];
  return (
    <>
      <BackHead title={share?.title ?? "我的链路"} up="/shares" />
      {(shares.isPending || (share && q.isPending)) && <Loading cards={1} />}
      {error && !q.data && <Failure error={error} onRetry={() => void (shares.error ? shares.refetch() : q.refetch())} />}
      {shares.data && !share && <Nothing what="没有这个页面" hint="它可能已删除。" />}
      {share && q.data !== undefined && (
        <Pull onRefresh={() => q.refetch()}>
          <section className="card">
            <h2>谁带来谁</h2>
            <ul className="chain">
              <li>
                <div>
                  <span className="face" aria-hidden>
                    我
                  </span>
                  <span className="grow">
                    <b>我</b>
                    <span className="quiet small">　{nodes.length === 0 ? "还没有人打开" : `直接带来 ${nodes.filter((n) => n.counted).length} 人，共 ${share.counted} 人`}</span>
                  </span>
                </div>
                <Branch nodes={nodes} />
              </li>
            </ul>
            {q.data?.truncated && <p className="quiet small">人太多，只显示前面一部分。</p>}
            {nodes.length === 0 && <p className="quiet">把链接发给客户；他们打开、再转给别人，会一级一级出现在这里。</p>}
          </section>
        </Pull>
      )}
    </>
  );
}

function Branch({ nodes }: { nodes: Schema<"ShareNode">[] }) {
  if (nodes.length === 0) return null;
  return (
    <ul className="chain">
      {nodes.map((n) => {
        const name = n.mark === "self" ? "我自己" : n.contact.name || `微信访客 ${n.token.slice(2, 6).toUpperCase()}`;
        return (
          <li key={n.credit_id}>
            <div className={n.counted ? "" : "off"}>
              <span className={n.counted ? "face" : "face unknown"} aria-hidden>
                {n.contact.name ? letter(n.contact.name) : n.mark === "self" ? "我" : "客"}
              </span>
              <span className="grow">
                <span className="row">
                  <span className="cut">{name}</span>
                  {n.counted && <span className="mark accent">{level(n.depth)}</span>}
                </span>
                <span className="quiet small">
                  {n.counted ? (n.newcomer ? "新访客 · " : "") + ago(n.at) : notCounted(n)}
                  {n.children.length > 0 && ` · 又带来 ${n.children.filter((x) => x.counted).length} 人`}
                </span>
              </span>
            </div>
            <Branch nodes={n.children} />
          </li>
        );
      })}
    </ul>
  );
}
