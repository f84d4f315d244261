/** What a message says, as its reader would see it; taken from the platform's request. */
export interface Preview {
  title?: string;
  lines: string[];
  fields: { name: string; value: string }[];
  /** What tapping it opens. */
  link?: { text: string; to: string };
  /** Pictures, files and mini-programs that go with it. */
  attached: string[];
}

const attachments: Record<string, string> = { image: "图片", video: "视频", file: "文件", link: "网页卡片", miniprogram: "小程序卡片" };

/** The preview of a body of any channel; undefined when there is nothing to read in it. */
export function preview(body: unknown): Preview | undefined {
  if (!isMap(body)) return undefined;
  const out: Preview = { lines: [], fields: [], attached: [] };
  const title = text(body.title) || text(at(body, "main_title", "title"));
  if (title) out.title = title;
  out.lines.push(...lines(text(body.content) || text(body.text) || text(at(body, "text", "content")) || text(body.description) || text(at(body, "main_title", "desc")) || text(body.sub_title_text)));
  if (isMap(body.data)) for (const [name, v] of Object.entries(body.data)) out.fields.push({ name, value: text(isMap(v) ? v.value : v) });
  for (const v of Array.isArray(body.horizontal_content_list) ? body.horizontal_content_list : []) if (isMap(v)) out.fields.push({ name: text(v.keyname), value: text(v.value) });
  const to = text(body.url) || text(at(body, "card_action", "url")) || text(body.page) || text(at(body, "miniprogram", "pagepath"));
  if (to) out.link = { text: text(body.btntxt) || (isMap(body.miniprogram) || body.page ? "打开小程序" : "打开链接"), to };
  for (const v of Array.isArray(body.attachments) ? body.attachments : []) {
    if (!isMap(v)) continue;
    const kind = text(v.msgtype);
    out.attached.push([attachments[kind] ?? kind, text(at(v, kind, "title"))].filter(Boolean).join("："));
  }
  return out.title || out.lines.length || out.fields.length || out.attached.length ? out : undefined;
}

/** A preview in one line. */
export function oneLine(p: Preview | undefined): string {
  if (!p) return "";
  return [p.title, ...p.lines, ...p.fields.map((f) => f.value), ...p.attached].filter(Boolean).join(" ").slice(0, 80);
}

/** Lines of a text in which a card's <div>s and <br>s are the breaks. It is shown as text, never as HTML. */
function lines(s: string): string[] {
  return s
    .replace(/<br\s*\/?>|<\/div>/gi, "\n")
    .replace(/<[^<>]*>/g, "")
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, "&")
    .split("\n")
    .map((l) => l.trim())
    .filter(Boolean);
}

function isMap(v: unknown): v is Record<string, unknown> {
  return typeof v === "object" && v !== null && !Array.isArray(v);
}

function at(v: unknown, ...path: string[]): unknown {
  for (const k of path) v = isMap(v) ? v[k] : undefined;
  return v;
}

function text(v: unknown): string {
  return typeof v === "string" ? v : typeof v === "number" ? String(v) : "";
}
