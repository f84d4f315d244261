import type { Schema } from "@koi/shared";

type Visitor = Pick<Schema<"MyVisitor">, "contact" | "code" | "self">;

/** Why an opening brought nothing; of one that was taken back, the reason the marketer gave. */
export function notCounted(o: { mark_label: string; mark_note: string }): string {
  return o.mark_label === "已撤销" ? `已撤销：${o.mark_note}` : `不计：${o.mark_label}`;
}

/** +15, +2.5 */
export function signed(n: number): string {
  const x = Math.round(n * 10) / 10;
  return x > 0 ? `+${x}` : String(x);
}

/** Who came: their name where the sharer may know it. */
export function visitorName(v: Visitor): string {
  if (v.self) return "我自己";
  return v.contact.name || `微信访客 ${v.code}`;
}

/** The letter on somebody's picture. */
export function letter(name: string): string {
  return [...name.trim()][0] ?? "客";
}

const numerals = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九", "十"];

/** 一级, 二级, 12 级 */
export function level(depth: number): string {
  const n = numerals[depth];
  return n ? `${n}级` : `${depth} 级`;
}

/** What one may write beside a link. It promises nothing and asks nobody to pass it on: WeChat forbids that. */
export function pitches(title: string, description: string | undefined, url: string): string[] {
  const about = description?.trim() ? `${description.trim().replace(/[。．.]$/, "")}。` : "";
  return [`${title}\n${about ? about + "\n" : ""}${url}`, `您可能用得上：《${title}》。${about}有问题随时找我：${url}`, `您好，上次聊到的内容在这里：《${title}》${url}`];
}

/** Lines of a text that fit a width, by what a character takes. */
export function wrap(text: string, width: number, measure: (s: string) => number, most: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const c of text) {
    if (c === "\n" || (line && measure(line + c) > width)) {
      lines.push(line);
      line = c === "\n" ? "" : c;
    } else line += c;
  }
  if (line) lines.push(line);
  if (lines.length <= most) return lines;
  const kept = lines.slice(0, most);
  let last = kept[most - 1]!;
  while (last && measure(last + "…") > width) last = [...last].slice(0, -1).join("");
  kept[most - 1] = last + "…";
  return kept;
}

/** Lists by day, in the order they come. */
export function byDay<T extends { at: string }>(list: T[], day: (at: string) => string): [string, T[]][] {
  const days = new Map<string, T[]>();
  for (const x of list) {
    const d = day(x.at);
    const had = days.get(d);
    if (had) had.push(x);
    else days.set(d, [x]);
  }
  return [...days];
}

/** Only an address of this app: a link must not lead elsewhere after signing in. */
export function inside(to: string | null): string {
  return to && /^\/staff(\/(?![/\\])|$)/.test(to) && !to.includes("\\") && !to.includes("..") ? to : "/staff/";
}

/** Whether the app is open inside WeCom, which can say who is here. */
export function inWeCom(agent: string): boolean {
  return /wxwork/i.test(agent);
}
