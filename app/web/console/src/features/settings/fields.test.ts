import { expect, test } from "vitest";
import { type Account, entered, kinds, make, standing } from "./fields";

const account = (more: Partial<Account>): Account => ({ id: "official/wx1", kind: "official", name: "云帆", secrets: [], read_only: false, health: [], ...more });

test("a token and a key are what the platforms take", () => {
  expect(make("token")).toMatch(/^[A-Za-z0-9]{24}$/);
  expect(make("aes_key")).toMatch(/^[A-Za-z0-9]{43}$/);
  expect(make("token")).not.toBe(make("token"));
});

test("what was left empty is not sent, and what names an account only when it is made", () => {
  const form = { corp_id: " ww1 ", agent_id: "1000002", name: "", agent_secret: "s" };
  expect(entered("wecom", form, true)).toEqual({ kind: "wecom", corp_id: "ww1", agent_id: 1000002, agent_secret: "s" });
  expect(entered("wecom", form, false)).toEqual({ agent_secret: "s" });
});

test("an account stands as its worst credential", () => {
  expect(standing(account({})).state).toBe("unknown");
  expect(standing(account({ health: [{ purpose: "app", ok: true, checked_at: "2026-11-22T00:00:00Z" }] })).state).toBe("good");
  expect(standing(account({ health: [{ purpose: "app", ok: true, checked_at: "x" }, { purpose: "contact", ok: false, checked_at: "x", code: 40001 }] }))).toEqual({ state: "bad", text: "平台错误码 40001" });
  expect(standing(account({ problem: "解密失败" }))).toEqual({ state: "bad", text: "解密失败" });
});

test("every field says where its value is found", () => {
  for (const k of Object.values(kinds)) for (const f of k.fields) expect(f.help.length, f.key).toBeGreaterThan(5);
});
