import { describe, expect, it } from "vitest";
import { byDay, inside, inWeCom, letter, level, notCounted, pitches, signed, visitorName, wrap } from "./words";

describe("words", () => {
  it("writes points with their sign", () => {
    expect(signed(14.25)).toBe("+14.3");
    expect(signed(-3)).toBe("-3");
  });
  it("names visitors no further than one may know them", () => {
    expect(visitorName({ contact: { name: "", hidden: true }, code: "3FA2", self: false })).toBe("微信访客 3FA2");
    expect(visitorName({ contact: { name: "周敏" }, code: "3FA2", self: false })).toBe("周敏");
    expect(visitorName({ contact: { name: "", hidden: true }, code: "3FA2", self: true })).toBe("我自己");
    expect(letter("👩‍💻小王")).toBe("👩");
    expect(letter(" ")).toBe("客");
    expect(level(3)).toBe("三级");
    expect(level(12)).toBe("12 级");
  });
  it("says why an opening brought nothing", () => {
    expect(notCounted({ mark_label: "本人", mark_note: "打开的是自己的分享，不计" })).toBe("不计：本人");
    expect(notCounted({ mark_label: "已撤销", mark_note: "同一部门互点" })).toBe("已撤销：同一部门互点");
  });
  it("writes pitches that carry the link and promise nothing", () => {
    for (const text of pitches("白皮书", "怎么选 CRM。", "https://k.example/p/a?_s=s_1")) {
      expect(text).toContain("https://k.example/p/a?_s=s_1");
      expect(text).toContain("白皮书");
      expect(text).not.toMatch(/转发|分享后|集赞|红包|undefined|。。/);
    }
    expect(pitches("白皮书", undefined, "u")[0]).toBe("白皮书\nu");
  });
  it("wraps text and cuts what is too much", () => {
    const wide = (s: string) => [...s].length;
    expect(wrap("一二三四五", 2, wide, 9)).toEqual(["一二", "三四", "五"]);
    expect(wrap("一二三四五", 2, wide, 2)).toEqual(["一二", "三…"]);
    expect(wrap("一\n二", 5, wide, 9)).toEqual(["一", "二"]);
    expect(wrap("", 5, wide, 9)).toEqual([]);
  });
  it("groups by day in order", () => {
    expect(byDay([{ at: "2026-11-22T10" }, { at: "2026-11-22T09" }, { at: "2026-11-21T09" }], (s) => s.slice(0, 10)).map(([d, l]) => [d, l.length])).toEqual([
      ["2026-11-22", 2],
      ["2026-11-21", 1],
    ]);
  });
  it("leads nowhere else after signing in", () => {
    expect(inside("/staff/contacts/7?x=1")).toBe("/staff/contacts/7?x=1");
    expect(inside("/staff")).toBe("/staff");
    for (const evil of [null, "", "/console/", "https://evil.example/staff/", "//evil.example", "/staff//evil.example", "/staff/\\evil", "/staff/../console", "/staffing", "javascript:alert(1)"]) {
      expect(inside(evil)).toBe("/staff/");
    }
    expect(inWeCom("Mozilla/5.0 wxwork/4.1 MicroMessenger/7.0")).toBe(true);
    expect(inWeCom("Mozilla/5.0 MicroMessenger/8.0")).toBe(false);
  });
});
