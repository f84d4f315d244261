import { expect, test } from "vitest";
import { ofAccount, summarize } from "./findings";

const f = (verdict: string, check: string, account?: string) => ({ verdict, verdict_label: verdict, check, what: "", account });

test("the worst comes first and the rest keeps its order", () => {
  const s = summarize([f("ok", "a"), f("by_hand", "b"), f("bad", "c"), f("warning", "d"), f("ok", "e")]);
  expect(s.sorted.map((x) => x.check)).toEqual(["c", "d", "b", "a", "e"]);
  expect(s.text).toBe("1 项有问题，1 项要注意，1 项需人工核对");
  expect(s.tone).toBe("bad");
});

test("nothing wrong is good news, with what is to be looked at by hand", () => {
  expect(summarize([f("ok", "a")])).toMatchObject({ text: "能查到的都正常", tone: "ok" });
  expect(summarize([f("ok", "a"), f("by_hand", "b")]).text).toBe("能查到的都正常，1 项需人工核对");
});

test("an account has its own findings", () => {
  expect(ofAccount([f("ok", "a", "wx1"), f("ok", "b"), f("bad", "c", "wx2")], "wx1").map((x) => x.check)).toEqual(["a"]);
});
