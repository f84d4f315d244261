import dayjs from "dayjs";
import { expect, test } from "vitest";
import { ago, clock, count, itIs, reason, span, time } from "./format";

test("a time is the business's own clock, wherever the browser stands; another year is named", () => {
  const year = dayjs().year();
  expect(time(`${year}-03-04T14:03:09+08:00`)).toBe("03-04 14:03");
  expect(time(`${year}-03-04T14:03:09-05:00`)).toBe("03-04 14:03");
  expect(time("2019-05-06T07:08:00+08:00")).toBe("2019-05-06 07:08");
  expect(clock("2019-05-06T07:08:09Z")).toBe("07:08:09");
  expect(time(undefined)).toBe("—");
});

test("nothing counted is a dash, zero is zero", () => {
  expect(count(undefined)).toBe("—");
  expect(count(0)).toBe("0");
  expect(count(1234567)).toBe("1,234,567");
});

test("a span is told in the two units that matter", () => {
  expect(span(12.4)).toBe("12 秒");
  expect(span(61)).toBe("1 分钟");
  expect(span(3_900)).toBe("1 小时 5 分");
  expect(span(5 * 86_400)).toBe("5 天");
});

test("how long ago is told by the server's clock, not the browser's", () => {
  const tomorrow = Date.now() + 24 * 3600_000;
  itIs(tomorrow);
  expect(ago(new Date(tomorrow - 180_000).toISOString())).toBe("3 分钟前");
  expect(ago(new Date(Date.now()).toISOString())).toBe("1 天前");
  itIs(Number.NaN); // an answer that says nothing changes nothing
  expect(ago(new Date(tomorrow - 180_000).toISOString())).toBe("3 分钟前");
  itIs(Date.now());
});

test("a reason is parted from its numbers", () => {
  expect(reason({ text: "预约演示 +40" })).toBe("预约演示");
  expect(reason({ text: "看报价页 +15（衰减后 +14.2）" })).toBe("看报价页");
  expect(reason({ text: "浏览页面 +1，已到上限或已扣到 0" })).toBe("浏览页面，已到上限或已扣到 0");
  expect(reason({ text: "7 天内至少两次看报价页 +20" })).toBe("7 天内至少两次看报价页");
  expect(reason({ text: "取消关注 −20" })).toBe("取消关注");
});
