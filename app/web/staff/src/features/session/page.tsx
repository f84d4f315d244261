import { api, ApiError, data, useSession } from "@koi/shared";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Navigate, useNavigate, useSearchParams } from "react-router";
import { inside, inWeCom } from "../../words";
import { staysOut } from "./out";

/** Why WeCom did not sign somebody in, and what to do. */
const problems: Record<string, string> = {
  expired: "登录凭证已失效：请重新登录。",
  stranger: "您不是本企业的成员，不能用企业微信登录。",
  locked: "您的账号已停用：如有疑问请联系管理员。",
  gone: "通讯录显示您已离职：如有疑问请联系管理员。",
  unready: "Koi 还没有管理员：请管理员先完成初始化。",
  unconnected: "还没有接入企业微信：请用登录名和密码登录，或请管理员在设置里接入。",
  limited: "尝试太频繁：请稍等几分钟再试。",
  away: "企业微信暂时没有回答：请稍后再试。",
};

const wecom = (app: string, to: string) => `/api/v1/session/wecom?${new URLSearchParams({ app, to })}`;

/** Inside WeCom it asks nobody anything: WeCom says who is here. */
export function SignInPage() {
  const session = useSession();
  const navigate = useNavigate();
  const [query] = useSearchParams();
  const to = inside(query.get("to"));
  const problem = query.get("problem");
  const ways = useQuery({ queryKey: ["me", "ways"], queryFn: () => data(api.GET("/session/ways")), enabled: !session.me, staleTime: Infinity });
  const apps = ways.data?.wecom ?? [];
  const here = inWeCom(navigator.userAgent);
  const only = !session.me && here && !problem && !staysOut() && apps.length === 1 ? apps[0] : undefined;
  useEffect(() => {
    if (only) location.replace(wecom(only.app, to));
  }, [only, to]);
  if (session.me && !session.lost) return <Navigate to={to.replace(/^\/staff/, "") || "/"} replace />;
  if (only || (here && ways.isPending)) return <p className="wait">正在用企业微信登录…</p>;
  return (
    <main style={{ maxWidth: 400, margin: "0 auto", padding: "12vh 24px 24px" }}>
      <div className="row" style={{ gap: 12, marginBottom: 24 }}>
        <svg width="44" height="44" viewBox="0 0 32 32" aria-hidden>
          <rect width="32" height="32" rx="8" fill="#d9482b" />
          <path d="M6 17c4-8 13-8 18-2l4-4v10l-4-4c-5 6-14 6-18 0z" fill="#fff" />
        </svg>
        <div>
          <h1 style={{ margin: 0, fontSize: 22, lineHeight: "28px" }}>锦鲤 · 员工</h1>
          <div className="quiet small">我的线索、分享和访客</div>
        </div>
      </div>
      {problem && (
        <p className="problem" role="alert">
          {problems[problem] ?? "登录没有成功：请重试。"}
        </p>
      )}
      {(here || ways.data?.anywhere) &&
        apps.map((a) => (
          <a key={a.app} className="button main" style={{ width: "100%", minHeight: 48, marginBottom: 16 }} href={wecom(a.app, to)}>
            用企业微信登录{apps.length > 1 ? `（${a.name || a.app}）` : ""}
          </a>
        ))}
      <PasswordForm quiet={apps.length > 0 && (here || !!ways.data?.anywhere)} onDone={() => navigate(to.replace(/^\/staff/, "") || "/", { replace: true })} />
      {!here && !ways.data?.anywhere && apps.length > 0 && <p className="quiet small">在企业微信的工作台里打开，不用输密码。</p>}
    </main>
  );
}

function PasswordForm({ login, quiet, onDone }: { login?: string; quiet?: boolean; onDone(): void }) {
  const session = useSession();
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  return (
    <form
      onSubmit={async (e) => {
        e.preventDefault();
        const form = new FormData(e.currentTarget);
        setBusy(true);
        setProblem("");
        try {
          await session.signIn(login ?? String(form.get("login")).trim(), String(form.get("password")));
          onDone();
        } catch (x) {
          setProblem(x instanceof ApiError ? x.message : "登录没有成功，请稍后再试");
          setBusy(false);
        }
      }}
    >
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      {!login && (
        <label className="field">
          登录名
          <input name="login" autoComplete="username" autoCapitalize="none" required />
        </label>
      )}
      <label className="field">
        密码
        <input name="password" type="password" autoComplete="current-password" required />
      </label>
      <button type="submit" className={quiet ? "button" : "button main"} style={{ width: "100%", minHeight: 48 }} disabled={busy}>
        {busy ? "正在登录…" : quiet ? "用密码登录" : "登录"}
      </button>
    </form>
  );
}

/** Stands over an open screen when the session has ended: nothing typed below is lost. */
export function Again() {
  const session = useSession();
  const user = session.me?.user;
  const staff = user?.staff;
  return (
    <div className="cover-all" role="dialog" aria-modal aria-label="登录已过期">
      <div>
        <h2 style={{ margin: "0 0 4px", fontSize: 18 }}>登录已过期</h2>
        <p className="quiet" style={{ margin: "0 0 16px" }}>
          请重新登录，页面上的内容还在。
        </p>
        {staff && inWeCom(navigator.userAgent) ? (
          <a className="button main" style={{ width: "100%" }} href={`/api/v1/session/wecom?${new URLSearchParams({ to: location.pathname + location.search })}`}>
            用企业微信登录
          </a>
        ) : (
          <PasswordForm login={user?.login} onDone={() => {}} />
        )}
      </div>
    </div>
  );
}
