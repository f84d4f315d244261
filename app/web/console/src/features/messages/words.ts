import type { Schema } from "@koi/shared";

export const channels: Record<string, string> = {
  official_kf: "公众号客服消息",
  official_template: "公众号模板消息",
  official_notice: "公众号订阅通知",
  official_once: "公众号一次性订阅消息",
  mini_subscribe: "小程序订阅消息",
  wecom_app: "企业微信应用消息",
  wecom_welcome: "企业微信欢迎语",
  sms: "短信",
  webhook: "Webhook",
};

export const classes: Record<string, string> = { reply: "回复", service: "服务通知", marketing: "营销", staff_alert: "员工提醒" };

const internal = new Set(["wecom_app", "webhook"]);

/** Who a message goes to, as people call them: a customer by name, an employee or a system by its own. */
export function whom(m: Pick<Schema<"Message">, "channel" | "to" | "to_name" | "contact_id" | "contact_name">): string {
  if (internal.has(m.channel)) return m.to_name || m.to.split("|").join("、");
  return m.contact_name || (m.contact_id ? `客户 ${m.contact_id}` : m.to);
}

/** Whether it is the one message in place of several alerts to a member of staff. */
export const isDigest = (m: { step?: string }) => m.step === "digest";

/** Whether an operator may ask for another try (the server decides again). What was within a digest is asked for itself. */
export function retryable(m: { state: string; channel: string; step?: string }): boolean {
  if (isDigest(m) && m.state !== "unknown") return false;
  return ["failed", "suppressed", "expired", "unknown"].includes(m.state) || (m.channel === "webhook" && ["sent", "delivered"].includes(m.state));
}

const tries: Record<string, string> = {
  sent: "平台已接受",
  retry: "平台没有接受，自动重试",
  failed: "失败，对方收不到",
  window_closed: "平台的会话窗口已关闭或用完",
  paused: "接口额度用完，额度恢复后再发",
  alarm: "配置有问题，需要管理员处理",
  unknown: "平台没有答复，对方可能已收到",
  returned: "Koi 停止前没有发出",
  outdated: "已过期，没有发出",
  unsafe: "再发可能让对方收到两遍，没有发出",
};

/** How a try ended. */
export function tryEnd(t: Pick<Schema<"Try">, "status" | "ended_at">): string {
  if (!t.ended_at) return "正在等平台答复";
  return tries[t.status ?? ""] ?? t.status ?? "";
}
