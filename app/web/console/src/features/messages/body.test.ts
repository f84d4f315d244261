import { expect, test } from "vitest";
import { oneLine, preview } from "./body";

test("a text is its lines", () => {
  expect(preview({ content: "您好！\n\n直接回复：报价" })?.lines).toEqual(["您好！", "直接回复：报价"]);
});

test("a card's markup is its lines, and what looks like markup in a name stays text", () => {
  const p = preview({ title: "热线索：周敏", description: '<div class="gray">11-22 14:03</div> <div class="normal">云帆 &lt;b&gt;</div>', url: "https://k/1", btntxt: "查看客户" });
  expect(p?.title).toBe("热线索：周敏");
  expect(p?.lines).toEqual(["11-22 14:03", "云帆 <b>"]);
  expect(p?.link).toEqual({ text: "查看客户", to: "https://k/1" });
});

test("a template is its fields", () => {
  const p = preview({ template_id: "x", page: "pages/a", data: { thing1: { value: "新案例" }, time2: { value: "11-22" } } });
  expect(p?.fields).toEqual([{ name: "thing1", value: "新案例" }, { name: "time2", value: "11-22" }]);
  expect(p?.link?.text).toBe("打开小程序");
  expect(oneLine(p)).toBe("新案例 11-22");
});

test("an SMS is its rendered text", () => {
  expect(oneLine(preview({ phone: "138****0000", template_code: "SMS_1", text: "新案例已上线，拒收请回复R" }))).toContain("拒收请回复R");
});

test("a welcome names what goes with it", () => {
  const p = preview({ text: { content: "您好" }, attachments: [{ msgtype: "link", link: { title: "白皮书" } }, { msgtype: "image", image: {} }] });
  expect(p?.attached).toEqual(["网页卡片：白皮书", "图片"]);
});

test("nothing readable is no preview", () => {
  for (const v of [undefined, null, "x", 1, [], {}, { content: "  " }]) expect(preview(v)).toBeUndefined();
});
