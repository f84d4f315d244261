import dayjs from "dayjs";
import "dayjs/locale/zh-cn";
import relative from "dayjs/plugin/relativeTime";

dayjs.extend(relative);
dayjs.locale("zh-cn");

let ahead = 0;

/** The server says what time it is for the business: Unix ms. A browser's clock may be wrong, and the demo's is turned. */
export function itIs(ms: number): void {
  if (ms > 0) ahead = ms - Date.now();
}

/** The business's time now. */
function now(): dayjs.Dayjs {
  return dayjs(Date.now() + ahead);
}

/**
 * The wall clock where the business is: the API writes times with that zone's offset, and a screen shows
 * them as they are written, wherever the browser stands.
 */
function local(at: string): dayjs.Dayjs {
  return dayjs(at.slice(0, 19));
}

/** 11-22 14:03, with the year when it is another one. */
export function time(at: string | undefined | null): string {
  if (!at) return "—";
  const t = local(at);
  return t.format(t.year() === now().year() ? "MM-DD HH:mm" : "YYYY-MM-DD HH:mm");
}

/** 14:03:05 */
export function clock(at: string): string {
  return local(at).format("HH:mm:ss");
}

/** 3 分钟前; a time ahead of the business's is written out. */
export function ago(at: string | undefined | null): string {
  if (!at) return "—";
  return dayjs(at).isAfter(now().add(1, "minute")) ? time(at) : dayjs(at).from(now());
}

/** 2026-11-22 星期日 */
export function day(at: string): string {
  return local(at).format("YYYY-MM-DD dddd");
}

/** 12,345 */
export function count(n: number | undefined | null): string {
  return n == null ? "—" : n.toLocaleString("zh-CN");
}

/** 1 小时 5 分 */
export function span(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} 秒`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} 分钟`;
  const h = Math.floor(seconds / 3600);
  return h < 48 ? `${h} 小时 ${Math.floor((seconds % 3600) / 60)} 分` : `${Math.floor(h / 24)} 天`;
}

/** "看报价页 +15（衰减后 +14.2）" without its numbers: they stand beside it. */
export function reason(r: { text: string }): string {
  return r.text.replace(/\s*[+−-][\d.]+(?:（[^）]*）)?(?=$|，)/, "");
}
