import { expect, test } from "vitest";
import { differences } from "./seen";

const fields: [string, (t: { name?: string; role: string }) => string | undefined][] = [
  ["姓名", (t) => t.name],
  ["角色", (t) => t.role],
];

test("what somebody else changed is told by its name and new value", () => {
  expect(differences(fields, { name: "李", role: "市场" }, { name: "李雷", role: "分析" })).toBe("姓名现在是「李雷」，角色现在是「分析」。");
  expect(differences(fields, { name: "李", role: "市场" }, { role: "市场" })).toBe("姓名现在是「空」。");
});

test("a change of what is not shown is told as such", () => {
  expect(differences(fields, { role: "市场" }, { role: "市场" })).toContain("不显示");
});
