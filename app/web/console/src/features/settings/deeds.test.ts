import { expect, test } from "vitest";
import { objectOf, told } from "./deeds";

test("what a line is about has a name, and a screen where there is one", () => {
  expect(objectOf("contacts/12")).toEqual({ name: "客户 12", to: "/contacts/12" });
  expect(objectOf("definitions/tag/vip")).toEqual({ name: "配置 tag/vip" });
  expect(objectOf("session")).toEqual({ name: "—" });
  expect(objectOf("shares/credits/5")).toEqual({ name: "分享业绩 5" });
  expect(objectOf("contacts")).toEqual({ name: "客户" });
  expect(objectOf("future/1")).toEqual({ name: "future 1" });
});

test("details are told in words, and only those that say something", () => {
  expect(told({ purpose: "marketing_sms", granted: false, source: "展会签到表", channel: "" })).toBe("用途：营销短信；同意：否；来源：展会签到表");
  expect(told({ login: "li", role: "sales", password: false, staff: null })).toBe("登录名：li；角色：销售");
  expect(told({ password: false, disabled: false })).toBe("停用：否");
  expect(told({ seen_rev: -1, rev: 1, dry_run: false })).toBe("存为第几版：1");
  expect(told({ add: ["vip", "高意向"], remove: [] })).toBe("打上：vip、高意向");
  expect(told({ unheard: { of: 1 } })).toBe('unheard：{"of":1}');
});
