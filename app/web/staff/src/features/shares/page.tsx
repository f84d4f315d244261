import { api, data, type Schema } from "@koi/shared";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { Head } from "../../components/head";
import { Pull } from "../../components/pull";
import { Failure, Loading, Nothing } from "../../components/states";
import { level } from "../../words";
import { Pitches, Poster } from "./sheets";
import { useMint } from "./mint";

/** The pages I can pass on, each with my own link and what it brought. */
export default function Shares() {
  const q = useQuery({ queryKey: ["shares"], queryFn: () => data(api.GET("/my/shares")), refetchInterval: 30_000 });
  const mine = useQuery({ queryKey: ["my"], queryFn: () => data(api.GET("/my")) });
  const [sheet, setSheet] = useState<{ kind: "poster" | "pitch"; share: Schema<"MyShare"> }>();
  const mint = useMint();
  const list = q.data?.items ?? [];
  return (
    <>
      <Head title="分享" />
      <Pull onRefresh={() => q.refetch()}>
        {q.isPending && <Loading />}
        {q.error && !q.data && <Failure error={q.error} onRetry={() => void q.refetch()} />}
        {q.data && list.length === 0 && (
          <Nothing
            what={mine.data && !mine.data.staff ? "还不能分享" : "还没有可分享的页面"}
            hint={mine.data && !mine.data.staff ? "您的账号没有对应的员工：请管理员在「用户」里补上。" : "市场同事发布页面后，会出现在这里。"}
          />
        )}
        {list.map((s) => (
          <article key={s.page} className="card" aria-label={s.title}>
            {cover(s.image) && <div className="cover" style={{ backgroundImage: `url(${JSON.stringify(s.image)})` }} />}
            <div className="row">
              <span className="name grow cut">{s.title}</span>
              {!s.live && <span className="mark">现在不能分享</span>}
            </div>
            {s.description && <div className="quiet small">{s.description}</div>}
            <Link to={`/shares/${encodeURIComponent(s.page)}`} aria-label={`${s.title}的链路`}>
              <div className="numbers" style={{ marginTop: 12 }}>
                <Number n={s.opens} what="打开" />
                <Number n={s.counted} what="计入的人" />
                <Number n={s.newcomers} what="新访客" />
                <Number n={s.depth} what="传了几级" />
              </div>
              {s.levels.length > 0 && (
                <div className="levels">
                  {s.levels.map((l, i) => (
                    <span key={l.depth}>
                      {i > 0 && "→ "}
                      {level(l.depth)} <b className="num">{l.people}</b> 人
                    </span>
                  ))}
                  <span style={{ marginLeft: "auto", color: "var(--accent)" }}>看链路 ›</span>
                </div>
              )}
            </Link>
            {s.live && (
              <div className="actions">
                <button type="button" className="button main fill" onClick={() => void mint(s, "link")}>
                  复制链接
                </button>
                <button type="button" className="button fill" onClick={async () => (await mint(s)) && setSheet({ kind: "poster", share: s })}>
                  海报
                </button>
                <button type="button" className="button fill" onClick={async () => (await mint(s)) && setSheet({ kind: "pitch", share: s })}>
                  推广话术
                </button>
              </div>
            )}
          </article>
        ))}
        {list.length > 0 && <p className="quiet small" style={{ padding: "0 16px", textAlign: "center" }}>别人打开您的链接才计入；自己打开不计。</p>}
      </Pull>
      {sheet?.kind === "poster" && <Poster share={sheet.share} who={mine.data?.staff?.name ?? ""} onClose={() => setSheet(undefined)} />}
      {sheet?.kind === "pitch" && <Pitches share={sheet.share} onClose={() => setSheet(undefined)} />}
    </>
  );
}

/** A picture the policy of the page lets in. */
function cover(image: string | undefined): boolean {
  return !!image && /^(https:\/\/|\/(?!\/))/.test(image);
}

function Number({ n, what }: { n: number; what: string }) {
  return (
    <div>
      <b className="num">{n}</b>
      <span>{what}</span>
    </div>
  );
}
