import { api, ago, count, data, onceKey, time, useSession, useStream, type Schema } from "@koi/shared";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Card, QRCode, Result, Select, Tag } from "antd";
import { useEffect, useRef, useState } from "react";
import { Link, useSearchParams } from "react-router";
import { said } from "../../components/act";
import { LiveDot } from "../../components/marks";
import { Page } from "../../components/page";
import { Failure, Loading } from "../../components/states";
import { color } from "../../theme";
import { Status } from "../journeys/status";
import { AccountCard } from "../settings/accounts";
import { useDoctor } from "../settings/doctor";
import { type Kind, kinds } from "../settings/fields";
import { AccountForm } from "../settings/form";
import { Light } from "../settings/verdict";
import { skip, useOnboarding } from "./known";
import { itemsOf, type StepKey } from "./steps";

const stateLabels = { done: "已完成", trouble: "要处理", todo: "还没做", skipped: "已跳过" };
const lights = { done: "ok", trouble: "warning", todo: "unknown", skipped: "unknown" };

/** From an empty Koi to one's own 360, in five steps; each can be skipped, and each shows how it really stands. */
export default function Onboarding() {
  const [query, setQuery] = useSearchParams();
  const o = useOnboarding();
  if (o.error && !o.ready) return <Failure error={o.error} onRetry={o.retry} />;
  if (!o.ready) return <Loading />;
  const at = o.steps.find((s) => s.key === query.get("step"))?.key ?? o.next;
  const index = o.steps.findIndex((s) => s.key === at);
  const step = o.steps[index]!;
  const go = (to: StepKey | undefined) => to && setQuery({ step: to });
  return (
    <Page title="五步接入" note="大约 20 分钟。哪一步暂时做不了，可以先跳过。">
      <div style={{ display: "grid", gridTemplateColumns: "280px minmax(0,1fr)", gap: 16, alignItems: "start" }}>
        <Card variant="borderless" styles={{ body: { padding: 8 } }} role="navigation" aria-label="步骤">
          {o.steps.map((s, i) => (
            <button
              key={s.key}
              type="button"
              aria-current={s.key === at ? "step" : undefined}
              onClick={() => go(s.key)}
              style={{ display: "flex", gap: 12, width: "100%", padding: 12, border: 0, borderRadius: 6, background: s.key === at ? "#e9f0fd" : "none", font: "inherit", textAlign: "left", cursor: "pointer" }}
            >
              <Light verdict={lights[s.state]} label={stateLabels[s.state]} />
              <span>
                <b style={{ fontWeight: 500 }}>
                  {i + 1}. {s.title}
                </b>
                <span style={{ display: "block", color: color.quiet, fontSize: 13 }}>{s.state === "todo" ? s.note : stateLabels[s.state]}</span>
              </span>
            </button>
          ))}
        </Card>
        <div style={{ display: "grid", gap: 16 }}>
          {at === "template" && <Template items={o.settings} />}
          {(at === "official" || at === "wecom" || at === "sms") && <Platform key={at} kind={at} accounts={o.accounts.filter((a) => a.kind === at)} />}
          {at === "follow" && <Follow recent={o.recent} officials={o.accounts.filter((a) => a.kind === "official" && a.app_id && !a.problem)} />}
          <div style={{ display: "flex", gap: 8 }}>
            {index > 0 && <Button onClick={() => go(o.steps[index - 1]!.key)}>上一步</Button>}
            {step.state === "skipped" && <Button onClick={() => skip(at, false)}>取消跳过</Button>}
            {step.state === "todo" && (
              <Button
                onClick={() => {
                  skip(at, true);
                  go(o.steps[index + 1]?.key);
                }}
              >
                跳过这一步
              </Button>
            )}
            {index < o.steps.length - 1 && (
              <Button type={step.state === "done" || step.state === "skipped" ? "primary" : "default"} onClick={() => go(o.steps[index + 1]!.key)}>
                下一步
              </Button>
            )}
            {o.finished && (
              <Link to="/" style={{ alignSelf: "center", marginInlineStart: 8 }}>
                都做好了，去工作台
              </Link>
            )}
          </div>
        </div>
      </div>
    </Page>
  );
}

const kindOrder = ["field", "tag", "tag_rule", "score", "stage", "journey", "message", "page"];

/** What the starter bundle brought; it is put in at the first start of an empty Koi. */
function Template({ items }: { items: Schema<"Setting">[] }) {
  const journeys = useQuery({ queryKey: ["journeys", "names"], queryFn: () => data(api.GET("/journeys", { params: { query: { limit: 200 } } })) });
  const groups = new Map<string, { label: string; names: string[] }>();
  for (const s of items) {
    const body = s.body as { name?: string; label?: string } | null;
    const g = groups.get(s.kind) ?? { label: s.kind_label || s.kind, names: [] };
    g.names.push(body?.name ?? body?.label ?? s.key);
    groups.set(s.kind, g);
  }
  const sorted = [...groups].sort((a, b) => (kindOrder.indexOf(a[0]) + 99) % 99 - ((kindOrder.indexOf(b[0]) + 99) % 99));
  return (
    <Card variant="borderless" title="B2B 软件与企业服务起步包">
      {items.length === 0 ? (
        <Alert type="warning" showIcon title="这个 Koi 里还没有任何配置" description="用 koi apply 应用一个配置包；空的 Koi 首次启动会自动装入起步包。" />
      ) : (
        <p style={{ marginTop: 0, color: color.quiet }}>首次启动时已经装好，下面是现在生效的。随时可以改：导出配置包（koi export），改好再应用（koi apply），每一次改动都有版本。</p>
      )}
      <div style={{ display: "grid", gridTemplateColumns: "repeat(auto-fill, minmax(240px, 1fr))", gap: 16 }}>
        {sorted
          .filter(([kind]) => kind !== "journey")
          .map(([kind, g]) => (
            <div key={kind}>
              <b style={{ fontWeight: 500 }}>{g.label}</b>
              <span className="num" style={{ color: color.accent, marginInlineStart: 8, fontWeight: 600 }}>
                {count(g.names.length)}
              </span>
              <div style={{ color: color.quiet, fontSize: 13 }}>
                {g.names.slice(0, 5).join("、")}
                {g.names.length > 5 && " 等"}
              </div>
            </div>
          ))}
      </div>
      <h3 style={{ fontSize: 14, margin: "24px 0 8px" }}>旅程</h3>
      {(journeys.data?.items ?? []).map((j) => (
        <div key={j.id} style={{ display: "grid", gridTemplateColumns: "200px 80px minmax(0,1fr)", gap: 12, padding: "8px 0", borderTop: `1px solid ${color.line}` }}>
          <Link to={`/journeys/${j.id}`}>{j.name}</Link>
          <span>
            <Status status={j.status} label={j.status_label} />
          </span>
          <span style={{ color: color.quiet }}>{j.note}</span>
        </div>
      ))}
      <p style={{ color: color.quiet, marginBottom: 0 }}>运行中的只回应客户刚做的事、提醒自己的员工；营销旅程是草稿，检查过再发布。</p>
    </Card>
  );
}

const guides: Record<"official" | "wecom" | "sms", string[]> = {
  official: [
    "点「添加公众号」，填 AppID 和 AppSecret；Token 和 EncodingAESKey 点「生成」并复制。",
    "到公众平台「设置与开发 → 开发接口管理 → 基本配置」：把服务器出口 IP 加进 IP 白名单；在「服务器配置」填下面的回调地址、刚才的 Token 和 EncodingAESKey，选「安全模式」，提交并启用。",
    "在「公众号设置 → 功能设置」设置网页授权域名和 JS 接口安全域名，校验文件在「渠道与健康」上传。",
    "点「检查这一步」，全部变绿就接好了。",
  ],
  wecom: [
    "在管理后台「应用管理」创建一个自建应用，可见范围选要用的员工。",
    "点「添加企业微信」，填企业 ID、AgentId 和 Secret；Token 和 EncodingAESKey 点「生成」并复制。",
    "在应用的「接收消息 → 设置 API 接收」填下面的回调地址、Token 和 EncodingAESKey；把出口 IP 加进「企业可信 IP」。",
    "在「客户与上下游 → 客户联系 → 可调用接口的应用」选中它，并勾选「外部联系人变更回调」。",
    "点「检查这一步」，全部变绿就接好了。",
  ],
  sms: [
    "在阿里云短信服务申请签名和模板；创建一个只有短信权限的 RAM 子账号，得到 AccessKey。",
    "点「添加短信」填好；把下面的回执地址填到短信服务的「通用设置」：发送回执加 /report，上行回复加 /up。",
    "点「检查这一步」。推广短信只发给明确同意过的人，回复 R 即退订。",
  ],
};

/** One platform: what to do over there, the values to take along, and a light for each thing that has to be right. */
function Platform({ kind, accounts }: { kind: "official" | "wecom" | "sms"; accounts: Schema<"Account">[] }) {
  const session = useSession();
  const client = useQueryClient();
  const [adding, setAdding] = useState(false);
  const doctor = useDoctor();
  const k = kinds[kind as Kind];
  return (
    <>
      <Card
        variant="borderless"
        title={`接${k.name}`}
        extra={
          session.may("accounts.write") && (
            <Button type={accounts.length ? "default" : "primary"} onClick={() => setAdding(true)}>
              {accounts.length ? `再添加一个` : `添加${k.name}`}
            </Button>
          )
        }
      >
        <ol style={{ margin: 0, paddingInlineStart: 20, display: "grid", gap: 6 }}>
          {guides[kind].map((g) => (
            <li key={g}>{g}</li>
          ))}
        </ol>
      </Card>
      {accounts.map((a) => (
        <div key={a.id} style={{ display: "grid", gap: 8 }}>
          <AccountCard account={a} />
          <Card
            variant="borderless"
            size="small"
            title="逐项检查"
            extra={
              <Button
                size="small"
                type="primary"
                loading={doctor.isPending}
                onClick={() => doctor.mutate(undefined, { onSettled: () => void client.invalidateQueries({ queryKey: ["accounts"] }) })}
              >
                检查这一步
              </Button>
            }
          >
            {doctor.error && <Failure small error={doctor.error} onRetry={() => doctor.mutate()} />}
            {itemsOf(a, doctor.data?.findings ?? []).map((i) => (
              <div key={i.name + i.what} style={{ display: "grid", gridTemplateColumns: "20px 160px minmax(0,1fr)", gap: 12, padding: "6px 0" }}>
                <Light verdict={i.verdict} />
                <span>{i.name}</span>
                <span>
                  {i.what}
                  {i.do && <span style={{ display: "block", color: color.accent }}>怎么办：{i.do}</span>}
                </span>
              </div>
            ))}
            {!doctor.data && !doctor.isPending && <div style={{ color: color.quiet, fontSize: 13, marginTop: 4 }}>点「检查这一步」，向平台逐项核对权限、IP 白名单和回调。</div>}
          </Card>
        </div>
      ))}
      {adding && <AccountForm kind={kind as Kind} onClose={() => setAdding(false)} onDone={() => doctor.mutate()} />}
    </>
  );
}

const arrivals = new Set(["oa.message_received", "oa.followed", "oa.scanned", "wecom.customer_added"]);

/** Waits, live, for the first who follows, and shows the way to their 360. */
function Follow({ recent, officials }: { recent: Schema<"TimelineEntry">[]; officials: Schema<"Account">[] }) {
  const client = useQueryClient();
  const [came, setCame] = useState<Schema<"TimelineEntry">>();
  const [greeted, setGreeted] = useState(false);
  const [scene] = useState(() => `onboarding_${onceKey().slice(0, 8)}`);
  // Without a code of one's own, whoever comes first is taken for oneself.
  const [any, setAny] = useState(officials.length === 0);
  const whom = useRef<string>(undefined); // the greeting may come before the screen was drawn again
  const live = useStream(["events"], {
    entry(e) {
      if (any ? arrivals.has(e.type) : e.object_type === "qrcode" && e.object_id === scene) {
        whom.current = e.contact_id;
        setCame(e);
        setGreeted(false);
        void client.invalidateQueries({ queryKey: ["overview"] });
      } else if (e.type === "message.sent" && e.contact_id === whom.current) setGreeted(true);
    },
    reset: () => void client.invalidateQueries({ queryKey: ["overview"] }),
  });
  const before = recent.find((e) => arrivals.has(e.type));
  const who = useQuery({
    queryKey: ["contact", came?.contact_id ?? before?.contact_id],
    queryFn: () => data(api.GET("/contacts/{id}", { params: { path: { id: (came ?? before)!.contact_id } } })),
    enabled: !!(came ?? before),
  });
  return (
    <Card variant="borderless" title="用自己的微信扫码关注" extra={<LiveDot on={live} />}>
      {officials.length === 0 ? (
        <Alert type="warning" showIcon title="还没有接入公众号" description="先做完第 2 步，这里就会出现可以扫的二维码。" style={{ marginBottom: 16 }} />
      ) : (
        <Codes officials={officials} scene={scene} onNone={() => setAny(true)} />
      )}
      <div aria-live="polite">
        {came ? (
          <Result
            status="success"
            title={`收到了：${who.data?.name || "一位新朋友"}（${came.label}）`}
            subTitle={greeted ? "欢迎消息已经发出，看看您的微信。" : "马上会收到欢迎消息。"}
            extra={
              <Link to={`/contacts/${came.contact_id}`}>
                <Button type="primary">看 TA 的 360</Button>
              </Link>
            }
          />
        ) : (
          <div style={{ display: "flex", gap: 16, alignItems: "center", padding: 24, background: color.ground, borderRadius: 8 }}>
            <span className="wait" style={{ padding: 0 }} aria-hidden>
              <i />
              <i />
              <i />
            </span>
            <span>
              {any ? "正在等第一个关注……" : "正在等您扫码……"}
              <span style={{ display: "block", color: color.quiet }}>10 秒还没有动静，多半是回调没有接通：回到前面的步骤，看红灯写着什么。</span>
            </span>
          </div>
        )}
      </div>
      {!came && before && (
        <p style={{ marginBottom: 0 }}>
          <Tag color="green">已有人关注</Tag>
          最近一位：<Link to={`/contacts/${before.contact_id}`}>{who.data?.name || `客户 ${before.contact_id}`}</Link>，{ago(before.at)}
        </p>
      )}
    </Card>
  );
}

/** A QR code to follow each official account by, made for this page. An account that may not have such codes has a plain one at the platform. */
function Codes({ officials, scene, onNone }: { officials: Schema<"Account">[]; scene: string; onNone(): void }) {
  const session = useSession();
  const [chosen, setChosen] = useState(officials[0]!.app_id!);
  const account = officials.find((a) => a.app_id === chosen) ?? officials[0]!;
  const code = useQuery({
    queryKey: ["qrcode", account.app_id, scene],
    queryFn: () => data(api.POST("/accounts/official/{app_id}/qrcode", { params: { path: { app_id: account.app_id! } }, body: { scene } })),
    enabled: session.may("accounts.write"),
    staleTime: 12 * 3600_000, // it works for a day
    retry: false,
  });
  const shown = session.may("accounts.write") && !code.error;
  useEffect(() => {
    if (!shown) onNone();
  }, [shown]);
  return (
    <div style={{ display: "grid", gridTemplateColumns: shown ? "184px minmax(0,1fr)" : "1fr", gap: 24, alignItems: "center", marginBottom: 16 }}>
      {shown && (
        <div role="img" aria-label={code.data ? `关注 ${account.name || account.app_id} 的二维码` : "二维码"} data-scene={code.data?.scene}>
          <QRCode type="svg" size={184} value={code.data?.url ?? "-"} status={code.data ? "active" : "loading"} />
        </div>
      )}
      <div>
        {officials.length > 1 && (
          <Select
            aria-label="公众号"
            value={account.app_id}
            onChange={setChosen}
            options={officials.map((a) => ({ value: a.app_id!, label: a.name || a.app_id }))}
            style={{ width: 240, marginBottom: 12 }}
          />
        )}
        <p style={{ margin: "0 0 8px" }}>
          用您自己的微信扫一扫，关注<b style={{ fontWeight: 500 }}>「{account.name || account.app_id}」</b>。已经关注的，扫了也算。
        </p>
        {!shown && (
          <Alert
            type="info"
            showIcon
            title={code.error ? said(code.error) : "生成二维码需要管理员"}
            description="没有关系：打开公众号自己的二维码（公众平台「设置与开发 → 公众号设置」，或名片、海报上的）扫一扫；已经关注的，给公众号发一条消息。"
          />
        )}
        {code.data && <span style={{ color: color.quiet, fontSize: 13 }}>二维码 {time(code.data.expires_at)} 前有效，只用来试；渠道和海报用的要另做。</span>}
      </div>
    </div>
  );
}
