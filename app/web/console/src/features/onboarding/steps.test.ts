import { expect, test } from "vitest";
import type { Account } from "../settings/fields";
import { finished, itemsOf, nextOf, stepsOf } from "./steps";

const account = (kind: string, more: Partial<Account> = {}): Account => ({ id: `${kind}/x1`, kind, name: "", secrets: [], read_only: false, health: [{ purpose: "app", ok: true, checked_at: "x" }], ...more });
const states = (k: Partial<Parameters<typeof stepsOf>[0]>) => stepsOf({ definitions: 0, accounts: [], followers: 0, skipped: [], ...k }).map((s) => s.state);

test("a fresh Koi has everything before it but the template", () => {
  expect(states({ definitions: 79 })).toEqual(["done", "todo", "todo", "todo", "todo"]);
});

test("an account counts when the platform took its credentials", () => {
  expect(states({ accounts: [account("official"), account("wecom", { health: [{ purpose: "app", ok: false, checked_at: "x" }] }), account("sms", { health: [] })] })).toEqual(["todo", "done", "trouble", "done", "todo"]);
  expect(states({ accounts: [account("official", { health: [] })] })[1]).toBe("trouble");
});

test("what is skipped is out of the way, but trouble is not skipped over", () => {
  const steps = stepsOf({ definitions: 1, accounts: [account("wecom", { problem: "坏了" })], followers: 0, skipped: ["official", "wecom", "sms", "follow"] });
  expect(steps.map((s) => s.state)).toEqual(["done", "skipped", "trouble", "skipped", "skipped"]);
  expect(finished(steps)).toBe(false);
  expect(nextOf(steps)).toBe("wecom");
});

test("all done is finished", () => {
  const steps = stepsOf({ definitions: 1, accounts: [account("official"), account("wecom"), account("sms")], followers: 3, skipped: [] });
  expect(finished(steps)).toBe(true);
});

test("an account's lights are its secrets, the platform's answer and the doctor's findings", () => {
  const a = account("official", { secrets: ["app_secret", "token"] });
  const items = itemsOf(a, [
    { check: "回调地址", account: "x1", verdict: "warning", verdict_label: "注意", what: "内网", do: "改" },
    { check: "别人的", account: "x2", verdict: "bad", verdict_label: "有问题", what: "" },
  ]);
  expect(items.map((i) => [i.name, i.verdict])).toEqual([["AppSecret", "ok"], ["Token", "ok"], ["EncodingAESKey", "bad"], ["平台接口", "ok"], ["回调地址", "warning"]]);
});
