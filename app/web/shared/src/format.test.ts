import dayjs from "dayjs";
import { expect, test } from "vitest";
import { count, span, time } from "./format";

test("a time of this year has no year, of another it has", () => {
  const now = dayjs();
  expect(time(now.month(2).date(4).hour(14).minute(3).valueOf())).toBe("03-04 14:03");
  expect(time(now.year() === 2020 ? "2019-05-06T07:08:00+08:00" : "2020-05-06T07:08:00+08:00")).toMatch(/^20(19|20)-05-06 07:08$/);
  expect(time(undefined)).toBe("—");
  expect(time(0)).toBe("—");
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
