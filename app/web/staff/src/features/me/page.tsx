import { api, data, useSession } from "@koi/shared";
import { useQuery } from "@tanstack/react-query";
import { Dialog } from "antd-mobile";
import { Link } from "react-router";
import { Head } from "../../components/head";
import { Pull } from "../../components/pull";
import { Failure, Loading } from "../../components/states";
import { letter } from "../../words";
import { stayOut } from "../session/out";

/** Who I am here and what I brought. */
export default function Me() {
  const session = useSession();
  const user = session.me?.user;
  const q = useQuery({ queryKey: ["my"], queryFn: () => data(api.GET("/my")) });
  const name = q.data?.staff?.name || user?.name || "";
  return (
    <>
      <Head title="我的" />
      {q.isPending && <Loading cards={2} />}
      {q.error && !q.data && <Failure error={q.error} onRetry={() => void q.refetch()} />}
      {q.data && (
        <Pull onRefresh={() => q.refetch()}>
          <section className="card row" style={{ gap: 12 }}>
            <span className="face" style={{ width: 52, height: 52, fontSize: 20 }} aria-hidden>
              {letter(name)}
            </span>
            <div className="grow">
              <div className="row">
                <span className="name cut">{name}</span>
                <span className="mark">{user?.role_label}</span>
              </div>
              <div className="quiet small">{[...q.data.departments, q.data.position].filter(Boolean).join(" · ") || user?.login}</div>
            </div>
          </section>
          {!q.data.staff && (
            <p className="problem" style={{ margin: "0 12px 12px" }}>
              您的账号没有对应的员工，所以没有线索和分享：请管理员在「用户」里补上。
            </p>
          )}
          {q.data.leads != null && (
            <Link className="card" to="/leads">
              <h2>我的线索</h2>
              <div className="numbers" style={{ gridTemplateColumns: "1fr 1fr" }}>
                <Figure n={q.data.leads} what="热线索" hot />
                <Figure n={q.data.leads_week ?? 0} what="近 7 天变热" />
              </div>
            </Link>
          )}
          <Link className="card" to="/visitors">
            <h2>我的分享</h2>
            <div className="numbers">
              <Figure n={q.data.opens} what="打开" />
              <Figure n={q.data.counted} what="计入的人" />
              <Figure n={q.data.newcomers} what="新访客" />
              <Figure n={q.data.depth} what="最远几级" />
            </div>
            <div className="foot">
              待结算 <b className="num">{q.data.pending}</b>，已结算 <b className="num">{q.data.settled}</b>
              {q.data.reversed > 0 && (
                <>
                  ，已撤销 <b className="num">{q.data.reversed}</b>
                </>
              )}
              。计入 24 小时后再核对一遍，无误即结算。
            </div>
          </Link>
        </Pull>
      )}
      <div style={{ padding: "4px 12px" }}>
        <button
          type="button"
          className="button"
          style={{ width: "100%", minHeight: 48 }}
          onClick={() => void Dialog.confirm({ content: "退出登录？", confirmText: "退出", cancelText: "取消", onConfirm: () => (stayOut(), session.signOut()) })}
        >
          退出登录
        </button>
      </div>
    </>
  );
}

function Figure({ n, what, hot }: { n: number; what: string; hot?: boolean }) {
  return (
    <div>
      <b className="num" style={hot ? { color: "var(--koi)" } : undefined}>
        {n}
      </b>
      <span>{what}</span>
    </div>
  );
}
