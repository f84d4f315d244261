import type { Schema } from "@koi/shared";

export type Account = Schema<"Account">;
export type Kind = "official" | "wecom" | "mini" | "sms";

/** What is entered of an account, and where in the platform's own console it is found. */
export interface Field {
  key: string;
  label: string;
  help: string;
  /** Part of the account's name: it cannot be changed later. */
  fixed?: boolean;
  secret?: boolean;
  required?: boolean;
  number?: boolean;
  /** Koi makes one when asked. */
  make?: "token" | "aes_key";
}

const callback = (where: string): Field[] => [
  { key: "token", label: "Token", secret: true, required: true, make: "token", help: `与${where}里填的相同；点「生成」后复制过去` },
  { key: "aes_key", label: "EncodingAESKey", secret: true, required: true, make: "aes_key", help: "43 位字母和数字，两边填同一个" },
];

export const kinds: Record<Kind, { name: string; note: string; console: string; fields: Field[]; where: string }> = {
  official: {
    name: "公众号",
    note: "关注、菜单、消息、模板消息与订阅通知",
    console: "mp.weixin.qq.com 公众平台",
    where: "公众平台「设置与开发 → 开发接口管理 → 基本配置 → 服务器配置」的 URL",
    fields: [
      { key: "app_id", label: "AppID", fixed: true, required: true, help: "公众平台「设置与开发 → 开发接口管理 → 基本配置」，wx 开头" },
      { key: "name", label: "名称", help: "给同事看的名字，如公众号的名称" },
      { key: "app_secret", label: "AppSecret", secret: true, required: true, help: "同一页「开发者密码」，只在重置时显示一次；并把本服务器的出口 IP 加进「IP 白名单」" },
      ...callback("公众平台「服务器配置」"),
    ],
  },
  wecom: {
    name: "企业微信",
    note: "员工、好友、欢迎语与热线索提醒",
    console: "work.weixin.qq.com 管理后台",
    where: "管理后台「应用管理 → 自建应用 → 接收消息 → 设置 API 接收」的 URL",
    fields: [
      { key: "corp_id", label: "企业 ID", fixed: true, required: true, help: "管理后台「我的企业 → 企业信息」最下方，ww 开头" },
      { key: "agent_id", label: "AgentId", fixed: true, required: true, number: true, help: "「应用管理」里自建应用的详情页" },
      { key: "name", label: "名称", help: "给同事看的名字，如应用的名称" },
      { key: "agent_secret", label: "应用 Secret", secret: true, required: true, help: "应用详情页，在企业微信手机端查看；并把出口 IP 加进「企业可信 IP」" },
      { key: "contact_secret", label: "客户联系 Secret", secret: true, help: "仅老企业需要；新企业请在「客户联系 → 可调用接口的应用」里选中这个应用，这里留空" },
      ...callback("应用「接收消息」"),
    ],
  },
  mini: {
    name: "小程序",
    note: "订阅消息与小程序里的行为",
    console: "mp.weixin.qq.com 公众平台",
    where: "公众平台「开发管理 → 消息推送」的 URL",
    fields: [
      { key: "app_id", label: "AppID", fixed: true, required: true, help: "公众平台「开发管理 → 开发设置」，wx 开头" },
      { key: "name", label: "名称", help: "给同事看的名字，如小程序的名称" },
      { key: "app_secret", label: "AppSecret", secret: true, required: true, help: "同一页「AppSecret」，只在重置时显示一次" },
      ...callback("公众平台「消息推送」"),
    ],
  },
  sms: {
    name: "短信",
    note: "阿里云短信：通知、推广与验证码",
    console: "dysms.console.aliyun.com 短信服务",
    where: "短信服务「通用设置 → 国内消息 → 回执」：/report 收发送回执，/up 收上行回复",
    fields: [
      { key: "sign_name", label: "签名", fixed: true, required: true, help: "短信服务「国内消息 → 签名管理」里审核通过的签名，不带【】" },
      { key: "name", label: "名称", help: "给同事看的名字" },
      { key: "access_key_id", label: "AccessKey ID", required: true, help: "阿里云「访问控制 RAM → 用户」，授予短信服务权限的子账号，LTAI 开头" },
      { key: "access_key_secret", label: "AccessKey Secret", secret: true, required: true, help: "创建 AccessKey 时只显示一次" },
    ],
  },
};

const secrets: Record<string, string> = {
  app_secret: "AppSecret",
  agent_secret: "应用 Secret",
  contact_secret: "客户联系 Secret",
  token: "Token",
  aes_key: "EncodingAESKey",
  access_key_secret: "AccessKey Secret",
  receipt_token: "回执密串",
};

export function secretName(key: string): string {
  return secrets[key] ?? key;
}

/** How an account stands, worst first: what is wrong with it, or that nobody tried yet. */
export function standing(a: Account): { state: "good" | "bad" | "unknown"; text: string } {
  if (a.problem) return { state: "bad", text: a.problem };
  const bad = a.health.find((h) => h.checked_at && !h.ok);
  if (bad) return { state: "bad", text: bad.problem || (bad.code ? `平台错误码 ${bad.code}` : "检查没有通过") };
  if (a.health.some((h) => h.checked_at)) return { state: "good", text: "凭据有效，能调用平台接口" };
  return { state: "unknown", text: a.kind === "sms" ? "阿里云没有凭据状态，点「现在检查」试一次" : "还没有用过，点「现在检查」试一次" };
}

/** The letters platforms allow in a token and a key; enough of them cannot be guessed. */
export function make(what: "token" | "aes_key"): string {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  const n = what === "aes_key" ? 43 : 24;
  let out = "";
  while (out.length < n) for (const b of crypto.getRandomValues(new Uint8Array(64))) if (b < letters.length * 4 && out.length < n) out += letters[b % letters.length];
  return out;
}

/** The body of what was entered: nothing of what was left empty, so that it stays as it is. */
export function entered(kind: Kind, form: Record<string, unknown>, fresh: boolean): Record<string, unknown> {
  const out: Record<string, unknown> = fresh ? { kind } : {};
  for (const f of kinds[kind].fields) {
    if (f.fixed && !fresh) continue;
    const v = form[f.key];
    const text = typeof v === "string" ? v.trim() : v;
    if (text === undefined || text === null || text === "") continue;
    out[f.key] = f.number ? Number(text) : text;
  }
  return out;
}
