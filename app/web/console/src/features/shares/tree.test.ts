import { expect, test } from "vitest";
import { below, levelsOf, nameOf, personName, rowsOf, type ShareNode } from "./tree";

const node = (id: string, counted: boolean, depth: number, children: ShareNode[] = []): ShareNode => ({
  credit_id: id, token: "s_" + id, contact: { id, name: id }, at: "", depth, newcomer: false, counted, mark_label: "", mark_note: "", credit: "pending", credit_label: "", children,
});
// 陈静 → b → c, d; e is herself and does not count
const tree = [node("b", true, 1, [node("c", true, 2), node("d", true, 2)]), node("e", false, 0)];

test("lines go down the chain, and know which branches go on", () => {
  expect(rowsOf(tree).map((r) => [r.node.credit_id, r.rails, r.last])).toEqual([
    ["b", [], false],
    ["c", [true], false],
    ["d", [true], true],
    ["e", [], true],
  ]);
});

test("who is closed hides who came through them", () => {
  expect(rowsOf(tree, new Set(["b"])).map((r) => r.node.credit_id)).toEqual(["b", "e"]);
});

test("counts tell what counts from what does not", () => {
  expect(below({ children: tree })).toEqual({ all: 4, counted: 3 });
  expect(levelsOf(tree)).toEqual([{ depth: 1, all: 1, counted: 1 }, { depth: 2, all: 2, counted: 2 }]);
  expect(levelsOf([])).toEqual([]);
});

test("people are called by name as far as the viewer may know", () => {
  expect(nameOf({ staff: { corp_id: "w", user_id: "chenjing", name: "陈静" } })).toBe("陈静");
  expect(personName({ name: "" })).toBe("匿名访客");
  expect(personName({ name: "", id: "7" })).toBe("访客 7");
  expect(personName({ name: "", hidden: true })).toBe("不在您的客户范围");
  expect(nameOf(undefined)).toBe("来源未知");
});
