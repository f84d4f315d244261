import { expect, test } from "vitest";
import { changes, groups, shown } from "./values";

const value = (key: string, v: unknown) => ({ key, label: key, type: "text", value: v, text: String(v) }) as never;
const fields = [{ key: "name" }, { key: "city" }, { key: "size" }, { key: "need" }];
const person = { values: [value("name", "周敏"), value("size", 30), value("need", false)] };

test("only what was changed is sent, with what was seen there", () => {
  expect(changes(fields, person, person, { name: "周敏", city: " 杭州 ", size: 30, need: true })).toEqual({ values: { city: "杭州", need: true }, was: { city: null, need: false } });
});

test("after somebody else changed it, only what was entered is sent again, over what was seen last", () => {
  const now = { values: [value("name", "周敏敏"), value("city", "上海"), value("size", 50), value("need", false)] };
  expect(changes(fields, person, now, { name: "周总", city: undefined, size: 30, need: false })).toEqual({ values: { name: "周总" }, was: { name: "周敏敏" } });
});

test("an emptied field is cleared, and one that was empty stays out of it", () => {
  expect(changes(fields, person, person, { name: " ", city: "", size: null, need: false })).toEqual({ values: { name: null, size: null }, was: { name: "周敏", size: 30 } });
});

test("nothing is known of a field without a value", () => {
  expect(shown({ key: "city" }, person)).toBeUndefined();
});

test("fields stand by their group, the name first of all", () => {
  const list = [{ key: "address", group: "公司" }, { key: "city", group: "基本" }, { key: "name", group: "基本" }, { key: "x" }];
  expect(groups(list).map(([name, f]) => [name, f.map((x) => x.key)])).toEqual([
    ["基本", ["name", "city"]],
    ["公司", ["address"]],
    ["其他", ["x"]],
  ]);
});
