import type { Schema } from "@koi/shared";
import { roles } from "../settings/roles";

export type Detail = Schema<"JourneyDetail">;
export type Step = Schema<"JourneyStep">;
export type Counts = Schema<"JourneyCounts">;

/** A way from one step to another, as it is drawn. */
export interface Way {
  id: string;
  from: string;
  to: string;
  port: string;
  /** What stands on the line; "" where the step has only one way out worth naming. */
  label: string;
  tone: "plain" | "good" | "warn" | "bad" | "quiet";
}

export interface Card {
  step: Step;
  note: string;
  warnings: string[];
}

const tones: Record<string, Way["tone"]> = { blocked: "warn", closed: "warn", failed: "bad", timeout: "quiet", missing: "quiet", missed: "quiet", else: "quiet", yes: "good", open: "good" };

/** The steps and ways of a journey, with what its check says of each. Ways to steps that are not there are left out. */
export function graphOf(d: Detail): { cards: Card[]; ways: Way[] } {
  const said = new Map<string, string[]>();
  for (const w of [...d.problems, ...d.warnings]) {
    const id = stepOf(w.path, d);
    if (id) said.set(id, [...(said.get(id) ?? []), w.message]);
  }
  const notes = new Map(d.definition.nodes.map((n) => [n.id, n.note ?? ""]));
  const steps = new Map(d.steps.map((s) => [s.id, s]));
  const cards = d.steps.map((step) => ({ step, note: notes.get(step.id) ?? "", warnings: said.get(step.id) ?? [] }));
  const ways: Way[] = [];
  for (const e of d.definition.edges) {
    const from = steps.get(e.from);
    if (!from || !steps.has(e.to)) continue;
    const port = e.port || "next";
    ways.push({ id: `${e.from}:${port}:${e.to}`, from: e.from, to: e.to, port, label: labelOf(from, port), tone: tones[port] ?? "plain" });
  }
  return { cards, ways };
}

/** What stands on the line that leaves a step by a port. */
export function labelOf(step: Step, port: string): string {
  if (port === "next") return "";
  return step.ports.find((p) => p.key === port)?.label ?? port;
}

/** The step a problem's path points at: journey/nurture/nodes[5].config.template → the sixth node; "" for none. */
export function stepOf(path: string, d: Pick<Detail, "definition">): string {
  const node = /nodes\[(\d+)\]/.exec(path);
  if (node) return d.definition.nodes[Number(node[1])]?.id ?? "";
  const edge = /edges\[(\d+)\]/.exec(path);
  if (edge) return d.definition.edges[Number(edge[1])]?.from ?? "";
  return "";
}

/** What a card counts, in the order it is read. Zeros are told only of what everybody looks for. */
export function figures(c: Counts): { key: keyof Counts; label: string; n: number }[] {
  const all: { key: keyof Counts; label: string; n: number }[] = [
    { key: "entered", label: "进入", n: c.entered },
    { key: "open", label: "在途", n: c.open },
    { key: "done", label: "完成", n: c.done },
    { key: "refused", label: "没有进入", n: c.refused },
    { key: "failed", label: "失败", n: c.failed },
    { key: "blocked", label: "被拦截", n: c.blocked },
    { key: "exited", label: "离开", n: c.exited },
  ];
  return all.filter((f) => f.n > 0 || f.key === "entered" || f.key === "open" || f.key === "done");
}

const units: Record<string, string> = { d: "天", h: "小时", m: "分钟", s: "秒" };

/** 1d12h → 1 天 12 小时 */
export function duration(text: string): string {
  const parts = [...text.matchAll(/(\d+)([dhms])/g)];
  return parts.length ? parts.map((p) => `${p[1]} ${units[p[2]!]}`).join(" ") : text;
}

/** The rules of a journey as a whole, each in a sentence. */
export function rules(s: Detail["definition"]["settings"]): { name: string; text: string }[] {
  const entry = s.entry.mode === "once" ? "同一个人只进一次" : s.entry.mode === "again" ? `同一个人 ${s.entry.days ?? 0} 天后可再进` : "同一个人可同时多次进入";
  const out = [
    { name: "进入次数", text: entry },
    { name: "事件新鲜度", text: `${duration(s.freshness || "1h")}以内的事件才触发，补到的旧事件不触发` },
  ];
  if (s.goal) out.push({ name: "目标", text: (s.goal.note || "达成目标") + (s.goal.within ? `（${duration(s.goal.within)}内）` : "") + "，达成即离开" });
  for (const x of s.exit ?? []) out.push({ name: "提前离开", text: x.note || "满足离开条件" });
  if (s.hours) out.push({ name: "工作时间", text: `${s.hours.from}–${s.hours.to}` + (s.hours.days?.length ? `，${s.hours.days.map((d) => "周" + "一二三四五六日"[d - 1]).join("、")}` : "") });
  out.push({ name: "优先级", text: String(s.priority ?? 50) });
  return out;
}

/** Why somebody who set a trigger off does not enter, each in a sentence. */
export function refusals(s: Detail["definition"]["settings"]): { name: string; text: string }[] {
  const out = [{ name: "迟到的事件", text: `发生超过 10 分钟才收到，或超过 ${duration(s.freshness || "1h")}才处理；补到的旧事件都算迟到` }];
  if (s.entry.mode === "concurrent") return [...out, { name: "频次", text: "同时在这个旅程里的次数已达上限（20 次）" }, tooDeep];
  out.push({ name: "进入规则", text: s.entry.mode === "again" ? "还在这个旅程里，走完之前不再进入" : "同一个人只进一次：还在里面，或以前进入过" });
  if (s.entry.mode === "again") out.push({ name: "频次", text: `距上次进入不满 ${s.entry.days ?? 0} 天` });
  return [...out, tooDeep];
}

const tooDeep = { name: "连环触发", text: "事件一层层互相触发得太深，为避免循环不再进入" };

const options: Record<string, Record<string, string>> = {
  to: { event_staff: "事件里的员工", leader: "其上级", all_added: "添加过的全部员工", first_added: "最先添加的员工", departments: "指定部门", roles: "指定角色" },
  roles: Object.fromEntries(roles.map((r) => [r.value, r.label])),
  pick: { first: "依次找，找到为止", all: "全部都提醒" },
  mode: { for: "等一段时间", until: "等到某个时刻", time: "等到几点", work: "等到工作时间", date: "等到客户的日期" },
  change: { tag_added: "打上标签", tag_removed: "去掉标签", stage_entered: "进入阶段", score_crossed: "分数越过阈值" },
  class: { reply: "回复", service: "服务通知", marketing: "营销" },
  send: { both: "事件和客户", event: "只有事件", contact: "只有客户" },
};

/** A step's config in words: every member it has, by its Chinese name. Names say what a key is called. */
export function configOf(step: Step, config: unknown, names: (editor: string, key: string) => string | undefined): { name: string; text: string }[] {
  if (!config || typeof config !== "object") return [];
  const given = config as Record<string, unknown>;
  const out: { name: string; text: string }[] = [];
  for (const m of step.members) {
    const v = given[m.key];
    if (v === undefined || v === null || v === "") continue;
    if (m.editor === "cases" || m.editor === "branches") {
      for (const c of Array.isArray(v) ? (v as { port?: string; label?: string }[]) : []) out.push({ name: m.label, text: c.label || c.port || "" });
      continue;
    }
    if (m.editor === "rule" || m.editor === "where") continue; // the summary tells them whole
    out.push({ name: m.label, text: say(m.key, m.editor, v, names) });
  }
  return out;
}

function say(key: string, editor: string, v: unknown, names: (editor: string, key: string) => string | undefined): string {
  if (Array.isArray(v)) return v.map((x) => say(key, editor, x, names)).join("、");
  if (typeof v === "boolean") return v ? "是" : "否";
  if (typeof v === "object" && v) return Object.entries(v).map(([k, x]) => `${names("field", k) ?? k} → ${x === null || x === "" ? "清除" : String(x)}`).join("；");
  const text = String(v);
  return options[key]?.[text] ?? (editor === "duration" ? duration(text) : (names(editor, text) ?? text));
}
