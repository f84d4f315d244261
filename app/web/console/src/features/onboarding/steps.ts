import type { Schema } from "@koi/shared";
import { type Account, type Kind, kinds, secretName, standing } from "../settings/fields";
import { ofAccount } from "../settings/findings";

export type StepKey = "template" | "official" | "wecom" | "sms" | "follow";
export type State = "done" | "trouble" | "todo" | "skipped";

export interface Step {
  key: StepKey;
  title: string;
  note: string;
  state: State;
}

/** What is known of how far a Koi has come. */
export interface Known {
  definitions: number;
  accounts: Account[];
  /** How many followed or were added as friends. */
  followers: number;
  skipped: readonly string[];
}

/** The five steps as they really stand: done is what the server has, never what somebody clicked away. */
export function stepsOf(k: Known): Step[] {
  const platform = (kind: Kind): State => {
    const all = k.accounts.filter((a) => a.kind === kind);
    if (all.some((a) => standing(a).state === "good")) return "done";
    if (all.some((a) => standing(a).state === "bad")) return "trouble";
    // Aliyun's credentials stand nowhere: an account that is complete is all that can be asked for.
    if (kind === "sms" && all.length > 0) return "done";
    return all.length > 0 ? "trouble" : "todo";
  };
  const step = (key: StepKey, title: string, note: string, state: State): Step => ({ key, title, note, state: state === "todo" && k.skipped.includes(key) ? "skipped" : state });
  return [
    step("template", "从行业模板开始", "字段、标签、评分、阶段、旅程和消息", k.definitions > 0 ? "done" : "todo"),
    step("official", "接公众号", "关注、菜单、消息都看得见", platform("official")),
    step("wecom", "接企业微信", "好友、欢迎语和热线索提醒", platform("wecom")),
    step("sms", "接短信", "通知、推广与验证码", platform("sms")),
    step("follow", "用自己的微信扫码关注", "10 秒内收到欢迎，看到自己的 360", k.followers > 0 ? "done" : "todo"),
  ];
}

/** Whether nothing is left to be done. */
export function finished(steps: Step[]): boolean {
  return steps.every((s) => s.state === "done" || s.state === "skipped");
}

/** The step to look at first. */
export function nextOf(steps: Step[]): StepKey {
  return (steps.find((s) => s.state === "trouble") ?? steps.find((s) => s.state === "todo"))?.key ?? "follow";
}

export interface Item {
  name: string;
  verdict: string;
  what: string;
  do?: string;
}

/** Everything that has to be right with an account, each with its light: what was entered, what the platform says of it, and what the doctor found. */
export function itemsOf(a: Account, findings: Schema<"Finding">[]): Item[] {
  const out: Item[] = [];
  for (const f of kinds[a.kind as Kind]?.fields ?? []) {
    if (!f.secret || !f.required) continue;
    const set = a.secrets.includes(f.key);
    out.push({ name: secretName(f.key), verdict: set ? "ok" : "bad", what: set ? "已填写" : "还没有填", ...(set ? {} : { do: f.help }) });
  }
  const stands = standing(a);
  if (stands.state !== "unknown" || a.kind !== "sms") out.push({ name: "平台接口", verdict: stands.state === "good" ? "ok" : stands.state, what: stands.text });
  for (const f of ofAccount(findings, a.id.slice(a.id.indexOf("/") + 1))) out.push({ name: f.check, verdict: f.verdict, what: f.what, ...(f.do ? { do: f.do } : {}) });
  return out;
}
