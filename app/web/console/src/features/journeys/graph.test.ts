import { describe, expect, test } from "vitest";
import { configOf, type Detail, duration, figures, graphOf, labelOf, refusals, rules, type Step, stepOf } from "./graph";
import { heightOf, layout } from "./layout";

const none = { entered: 0, open: 0, done: 0, failed: 0, blocked: 0, exited: 0, refused: 0 };
const step = (id: string, more: Partial<Step> = {}): Step => ({ id, label: id, summary: id, ports: [{ key: "next", label: "下一步" }], members: [], counts: none, ...more });

function journey(more: Partial<Detail> = {}): Detail {
  return {
    id: "1", key: "j", name: "旅程", subject: "contact", subject_label: "客户", status: "live", status_label: "运行中", rev: 1, triggers: [], counts: none, updated_at: "", updated_by: "",
    problems: [], warnings: [],
    steps: [step("a"), step("ask", { ports: [{ key: "yes", label: "是" }, { key: "no", label: "否" }, { key: "timeout", label: "超时" }] }), step("end", { ports: [] })],
    definition: {
      name: "旅程", subject: "contact", status: "live", settings: { entry: { mode: "again", days: 7 }, goal: { within: "14d", note: "申请试用" }, exit: [{ note: "已取关" }] },
      nodes: [{ id: "a", component: "on_event" }, { id: "ask", component: "branch", note: "问一问" }, { id: "end", component: "end" }],
      edges: [{ from: "a", to: "ask" }, { from: "ask", port: "yes", to: "end" }, { from: "ask", port: "timeout", to: "end" }, { from: "ask", port: "no", to: "gone" }],
    },
    ...more,
  };
}

describe("graphOf", () => {
  test("names every way out but the plain next one", () => {
    expect(graphOf(journey()).ways.map((w) => [w.from, w.label, w.tone])).toEqual([["a", "", "plain"], ["ask", "是", "good"], ["ask", "超时", "quiet"]]);
  });
  test("leaves out ways to steps that are not there, and tells two ways between the same steps apart", () => {
    const ids = graphOf(journey()).ways.map((w) => w.id);
    expect(ids).toHaveLength(3);
    expect(new Set(ids).size).toBe(3);
  });
  test("puts what the check says on the step it is about", () => {
    const { cards } = graphOf(journey({ warnings: [{ path: "journey/j/nodes[1].config", message: "小心" }, { path: "journey/j/edges[0]", message: "断了" }, { path: "journey/j", message: "整体" }] }));
    expect(cards.map((c) => c.warnings)).toEqual([["断了"], ["小心"], []]);
    expect(cards[1]?.note).toBe("问一问");
  });
  test("a port nobody knows is called by its key", () => expect(labelOf(step("x"), "odd")).toBe("odd"));
  test("a path that points nowhere is no step's", () => expect(stepOf("journey/j/nodes[9]", journey())).toBe(""));
});

describe("layout", () => {
  const cards = ["a", "b", "c", "d"].map((id) => ({ id, height: 120 }));
  test("goes down along the ways and lets no cards overlap", () => {
    const at = layout(cards, [{ from: "a", to: "b", label: "是" }, { from: "a", to: "c", label: "否" }, { from: "b", to: "d", label: "" }, { from: "c", to: "d", label: "" }]);
    expect(at.get("a")!.y).toBeLessThan(at.get("b")!.y);
    expect(at.get("b")!.y).toBeLessThan(at.get("d")!.y);
    expect(Math.abs(at.get("b")!.x - at.get("c")!.x)).toBeGreaterThanOrEqual(248);
  });
  test("stands a way back and a step nothing leads to", () => {
    const at = layout(cards, [{ from: "a", to: "b", label: "" }, { from: "b", to: "a", label: "" }]);
    expect(at.size).toBe(4);
    for (const p of at.values()) expect(Number.isFinite(p.x + p.y)).toBe(true);
  });
  test("a longer summary makes a taller card", () => expect(heightOf("很".repeat(30), false)).toBeGreaterThan(heightOf("短", false)));
});

test("figures leave out zeros of what went wrong", () => {
  expect(figures({ ...none, entered: 3, blocked: 1 }).map((f) => f.label)).toEqual(["进入", "在途", "完成", "被拦截"]);
});

test("who set a trigger off and was kept out did not enter, and is not called blocked", () => {
  expect(figures({ ...none, entered: 3, done: 3, refused: 3745 }).map((f) => [f.label, f.n])).toEqual([["进入", 3], ["在途", 0], ["完成", 3], ["没有进入", 3745]]);
});

test("refusals are the entry rules, as the journey has them", () => {
  const said = (entry: { mode: "once" | "again" | "concurrent"; days?: number }, freshness?: string) =>
    refusals({ entry, freshness }).map((r) => `${r.name}：${r.text}`).join("\n");
  expect(said({ mode: "once" })).toMatch(/^迟到的事件：.*超过 1 小时才处理.*\n进入规则：同一个人只进一次/);
  expect(said({ mode: "again", days: 7 }, "2d")).toMatch(/超过 2 天才处理(.|\n)*进入规则：还在(.|\n)*频次：距上次进入不满 7 天/);
  expect(said({ mode: "concurrent" })).toMatch(/频次：.*20 次/);
  expect(said({ mode: "concurrent" })).not.toContain("只进一次");
});

test("durations are said in words", () => {
  expect(duration("1d12h")).toBe("1 天 12 小时");
  expect(duration("soon")).toBe("soon");
});

test("rules are sentences", () => {
  const said = rules(journey().definition.settings).map((r) => r.text).join("；");
  expect(said).toContain("7 天后可再进");
  expect(said).toContain("申请试用（14 天内）");
  expect(said).toContain("已取关");
});

test("a config is told by its members' names", () => {
  const s = step("w", { members: [{ key: "template", label: "消息模板", editor: "template" }, { key: "expires", label: "有效期", editor: "duration" }, { key: "to", label: "提醒谁", editor: "relation" }, { key: "when", label: "条件", editor: "rule" }] });
  const said = configOf(s, { template: "welcome", expires: "2d", to: ["leader", "all_added"], when: { all: [] }, odd: 1 }, (_, k) => (k === "welcome" ? "关注欢迎" : undefined));
  expect(said).toEqual([{ name: "消息模板", text: "关注欢迎" }, { name: "有效期", text: "2 天" }, { name: "提醒谁", text: "其上级、添加过的全部员工" }]);
  expect(configOf(s, undefined, () => undefined)).toEqual([]);
});
