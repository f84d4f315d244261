import { channels } from "../messages/words";
import { roleName } from "./roles";

/** What a line of the audit log is about: its name, and the screen that shows it. */
export function objectOf(object: string): { name: string; to?: string } {
  const [kind = "", ...rest] = object.split("/");
  const id = rest.join("/");
  switch (kind) {
    case "":
    case "session":
    case "me":
      return { name: "—" };
    case "contacts":
      return id ? { name: `客户 ${id}`, to: `/contacts/${id}` } : { name: "客户" };
    case "journeys":
      return id ? { name: `旅程 ${id}`, to: `/journeys/${id}` } : { name: "旅程" };
    case "messages":
      return id ? { name: `消息 ${id}`, to: `/messages?open=${id}` } : { name: "消息" };
    case "shares":
      if (rest[0] === "credits") return { name: `分享业绩 ${rest[1] ?? ""}` };
      return id ? { name: `分享 ${id}`, to: `/shares/${id}` } : { name: "分享" };
  }
  return { name: id ? `${kinds[kind] ?? kind} ${id}` : (kinds[kind] ?? kind) };
}

const kinds: Record<string, string> = {
  users: "用户",
  "api-keys": "接口密钥",
  accounts: "账号",
  webhooks: "Webhook",
  definitions: "配置",
  settings: "配置包",
  "dead-letters": "死信",
  "domain-proofs": "域名校验文件",
  "sms-templates": "短信模板",
};

const names: Record<string, string> = {
  add: "打上",
  remove: "去掉",
  changes: "改动",
  channel: "渠道",
  contact: "客户",
  disabled: "停用",
  dry_run: "只试算",
  field: "查看",
  fields: "改了",
  granted: "同意",
  login: "登录名",
  may: "能做",
  name: "名称",
  outcome: "核对结果",
  password: "改密码",
  problem: "问题",
  purpose: "用途",
  reason: "原因",
  replayed: "重复的请求",
  rev: "存为第几版",
  role: "角色",
  seen_rev: "改自第几版",
  side: "转为",
  source: "来源",
  staff: "对应员工",
  stage: "阶段",
  status: "状态",
};

const values: Record<string, Record<string, string>> = {
  channel: { ...channels, wechat: "微信", email: "邮件", all: "所有渠道" },
  purpose: {
    privacy: "隐私政策",
    marketing_sms: "营销短信",
    marketing_email: "营销邮件",
    marketing_wechat: "微信营销消息",
    third_party: "提供给第三方",
    personalization: "个性化推荐",
  },
  field: { phone: "手机号", email: "邮箱" },
  status: { live: "运行", paused: "暂停", stopped: "停止" },
};

/** What says something only when it is so. */
const passing = new Set(["password", "dry_run", "replayed"]);

/** The details of a line in words; what says nothing is left out. */
export function told(detail: Record<string, unknown>): string {
  const one = (key: string, v: unknown): string => {
    if (typeof v === "boolean") return v ? "是" : "否";
    if (Array.isArray(v)) return v.map((x) => one(key, x)).join("、");
    if (typeof v !== "string") return JSON.stringify(v);
    return key === "role" ? roleName(v) : (values[key]?.[v] ?? v);
  };
  return Object.entries(detail)
    .filter(([key, v]) => v !== "" && v !== null && !(Array.isArray(v) && v.length === 0) && !(v === false && passing.has(key)) && !(key === "seen_rev" && Number(v) < 1))
    .map(([key, v]) => `${names[key] ?? key}：${one(key, v)}`)
    .join("；");
}
