import { expect, test } from "vitest";
import { retryable, tryEnd, whom } from "./words";

test("an employee is called by name or userid, a customer by name, somebody unknown by number", () => {
  expect(whom({ channel: "wecom_app", to: "wanglei|lina", contact_id: "1", contact_name: "周敏" })).toBe("wanglei、lina");
  expect(whom({ channel: "wecom_app", to: "wanglei", to_name: "王磊", contact_id: "1", contact_name: "周敏" })).toBe("王磊");
  expect(whom({ channel: "sms", to: "138****0000", contact_id: "1", contact_name: "周敏" })).toBe("周敏");
  expect(whom({ channel: "official_kf", to: "oX", contact_id: "7" })).toBe("客户 7");
  expect(whom({ channel: "official_kf", to: "oX" })).toBe("oX");
});

test("what arrived is not sent again, but a webhook may be", () => {
  expect(retryable({ state: "sent", channel: "sms" })).toBe(false);
  expect(retryable({ state: "suppressed", channel: "sms" })).toBe(true);
  expect(retryable({ state: "failed", channel: "wecom_app", step: "digest" })).toBe(false);
  expect(retryable({ state: "unknown", channel: "wecom_app", step: "digest" })).toBe(true);
  expect(retryable({ state: "delivered", channel: "webhook" })).toBe(true);
});

test("a try without an end is under way", () => {
  expect(tryEnd({})).toContain("正在等");
  expect(tryEnd({ status: "sent", ended_at: "2026-11-22T00:00:00Z" })).toBe("平台已接受");
});
