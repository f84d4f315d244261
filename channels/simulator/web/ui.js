// Small things all pages of the simulator use. Nothing here makes HTML of a text.
const SVG = "http://www.w3.org/2000/svg";

// h makes an element: attributes, "on…" functions, children (texts, elements, arrays, nothing).
export function h(tag, attrs, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attrs || {})) {
    if (v === undefined || v === null || v === false) continue;
    if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
    else if (k === "value") e.value = v;
    else e.setAttribute(k, v === true ? "" : v);
  }
  e.append(...children.flat(Infinity).filter((c) => c !== undefined && c !== null && c !== false && c !== ""));
  return e;
}

// icon draws one of the symbols of the page's sprite.
export function icon(name, label) {
  const s = document.createElementNS(SVG, "svg"), u = document.createElementNS(SVG, "use");
  s.setAttribute("class", "icon");
  if (label) { s.setAttribute("role", "img"); s.setAttribute("aria-label", label); } else s.setAttribute("aria-hidden", "true");
  u.setAttribute("href", "#i-" + name);
  s.append(u);
  return s;
}

const COLOURS = ["#4a90e2", "#e2734a", "#48a868", "#8a6fd1", "#d1637f", "#3ea6a6", "#c08a2e", "#5b7083"];

// face is somebody's picture: their first letter on a colour of their own.
export function face(name, kind) {
  let n = 0;
  for (const c of name) n = (n * 31 + c.codePointAt(0)) >>> 0;
  const e = h("span", { class: "face " + (kind || ""), "aria-hidden": "true" });
  if (kind === "notices") e.append(icon("bell"));
  else if (kind === "sms") e.append(icon("person"));
  else {
    const letters = [...name.trim()];
    e.textContent = kind === "friend" || kind === "member" || kind === "customer" ? letters.slice(-2).join("") : letters[0] || "?";
  }
  if (kind !== "notices" && kind !== "sms") e.style.backgroundColor = COLOURS[n % COLOURS.length];
  return e;
}

// ask calls the simulator; a refusal is an Error with its Chinese sentence.
export async function ask(path, body, method) {
  let r;
  try {
    r = await fetch(path, body === undefined ? { method } : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  } catch {
    throw new Error("模拟器没有回应，请看看它是否还在运行");
  }
  if (r.status === 204) return { now: Number(r.headers.get("X-Sim-Now")) };
  const answer = await r.json();
  if (!r.ok) throw new Error(answer.error || "模拟器出错了");
  return answer;
}

// live calls f whenever a phone changed. All frames of one browser share one stream, since a browser opens
// only six connections to a server: the frame that holds the lock listens and tells the others.
export function live(f) {
  let waiting = false;
  const soon = () => {
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => { waiting = false; f(); });
  };
  const listen = (heard) => {
    const stream = new EventSource("/sim/live");
    let first = true;
    stream.onmessage = () => { if (first) first = false; else heard(); };
    stream.onopen = soon;
  };
  if (!navigator.locks || !window.BroadcastChannel) {
    listen(soon);
    return;
  }
  const others = new BroadcastChannel("koi-sim-live");
  others.onmessage = soon;
  navigator.locks.request("koi-sim-live", () => new Promise(() => listen(() => { others.postMessage(1); soon(); })));
}

const two = (n) => String(n).padStart(2, "0");
const china = (ms) => new Date(ms + 8 * 3600e3); // read with getUTC…

export function clock(ms) { const d = china(ms); return two(d.getUTCHours()) + ":" + two(d.getUTCMinutes()); }
export function exact(ms) { const d = china(ms); return clock(ms) + ":" + two(d.getUTCSeconds()); }

// when is a time as WeChat writes it, seen at now.
export function when(ms, now) {
  const day = (x) => Math.floor((x + 8 * 3600e3) / 86400e3), days = day(now) - day(ms), d = china(ms);
  if (days <= 0) return clock(ms);
  if (days === 1) return "昨天 " + clock(ms);
  if (days < 7) return "星期" + "日一二三四五六"[d.getUTCDay()] + " " + clock(ms);
  return `${d.getUTCMonth() + 1}月${d.getUTCDate()}日 ${clock(ms)}`;
}
