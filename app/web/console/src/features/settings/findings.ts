import type { Schema } from "@koi/shared";

type Finding = Schema<"Finding">;

const order: Record<string, number> = { bad: 0, warning: 1, by_hand: 2, ok: 3 };

/** What an examination comes to, and its findings with the worst first. */
export function summarize(findings: Finding[]): { text: string; tone: "bad" | "warning" | "ok"; sorted: Finding[] } {
  const n = (verdict: string) => findings.filter((f) => f.verdict === verdict).length;
  const sorted = findings.map((f, i) => ({ f, i })).sort((a, b) => (order[a.f.verdict] ?? 1) - (order[b.f.verdict] ?? 1) || a.i - b.i).map((x) => x.f);
  const parts = [n("bad") && `${n("bad")} 项有问题`, n("warning") && `${n("warning")} 项要注意`, n("by_hand") && `${n("by_hand")} 项需人工核对`].filter(Boolean);
  const tone = n("bad") ? "bad" : n("warning") ? "warning" : "ok";
  return { text: n("bad") + n("warning") === 0 ? ["能查到的都正常", ...parts].join("，") : parts.join("，"), tone, sorted };
}

/** The lights of one account, by what was looked at. */
export function ofAccount(findings: Finding[], account: string): Finding[] {
  return findings.filter((f) => f.account === account);
}
