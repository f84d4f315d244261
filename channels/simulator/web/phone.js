// A phone: what /sim/screen says it shows, drawn again whenever that changed. /sim/phone is a person's,
// /sim/staff a member's. The address chooses whose (who=, user=) and what is open at first: app= (a view, an
// account), chat= (a conversation by id or name), url= (a page in the webview).
import { h, ask, live, face, clock } from "./ui.js";
import { brief } from "./lines.js";
import { views, threadsOf } from "./views.js";
import { openWeb, closeWeb } from "./web.js";

const byId = (id) => document.getElementById(id);
const stage = byId("stage"), device = byId("device");
const query = new URLSearchParams(location.search);

export const phone = {
  staff: location.pathname === "/sim/staff",
  screen: null, // what the server said last
  at: { view: "home" }, // what is open; what was open before it is in trail
  trail: [],
  drafts: {}, // what is being typed, by conversation
  get now() { return now(); },

  // go opens a view; back returns to the one before.
  go(to, { root } = {}) {
    if (root) this.trail = [];
    else this.trail.push(this.at);
    this.at = to;
    draw();
  },
  back() {
    this.at = this.trail.pop() || { view: phone.staff ? "messages" : "wechat" };
    draw();
  },

  // act plays something the owner does; refused, the phone says why.
  async act(a) {
    try {
      const played = await ask("/sim/act", { who: this.screen.who, app: phone.staff ? this.screen.corp : "", with: "", async: true, ...a });
      await refresh();
      return played;
    } catch (e) {
      toast(e.message);
      return null;
    }
  },
  web(url, title) { openWeb(this, url, title); },
  sheet, toast, draw,
};

// ——— time: the business clock, as it ran between the last two answers
let seen = null;
function tick(ms) {
  const at = performance.now();
  const pace = seen && at > seen.at ? (ms - seen.ms) / (at - seen.at) : 1;
  seen = { at, ms, pace: at - (seen ? seen.at : 0) > 800 ? Math.min(Math.max(pace, 0), 20) : (seen ? seen.pace : 1) };
  byId("clock").textContent = clock(now());
}
function now() { return seen ? seen.ms + (performance.now() - seen.at) * seen.pace : Date.now(); }

// ——— what was read: kept by the browser for as long as the simulator's tab lives
const memory = "koi-sim-read";
let read = {};
try { read = JSON.parse(sessionStorage.getItem(memory + location.search) || "{}"); } catch { /* starts afresh */ }
export function unread(thread) {
  return thread.lines.filter((l) => l.side === "theirs" && l.id > (read[thread.id] || 0)).length;
}
function markRead(thread) {
  const last = Math.max(0, ...thread.lines.map((l) => l.id));
  if ((read[thread.id] || 0) >= last) return;
  read[thread.id] = last;
  try { sessionStorage.setItem(memory + location.search, JSON.stringify(read)); } catch { /* badges come back after a reload */ }
}

// ——— drawing
function draw() {
  const s = phone.screen;
  if (!s) return;
  const threads = threadsOf(s);
  const current = threads.find((t) => phone.at.view === "chat" && t.id === phone.at.id);
  if (current && !document.querySelector(".web")) markRead(current);
  const box = stage.querySelector(".scroll"), key = JSON.stringify(phone.at);
  const stay = stage.dataset.key === key && box ? { top: box.scrollTop, end: box.scrollHeight - box.scrollTop - box.clientHeight < 60 } : null;
  const typing = document.activeElement && document.activeElement.id === "words";
  const range = typing ? [document.activeElement.selectionStart, document.activeElement.selectionEnd] : null;
  const fresh = (views[phone.at.view] || views.home)(phone, s, threads);
  stage.replaceChildren(fresh);
  stage.dataset.key = key;
  device.dataset.view = phone.at.view;
  const scroll = stage.querySelector(".scroll");
  if (scroll) scroll.scrollTop = stay && !(stay.end && phone.at.view === "chat") ? stay.top : phone.at.view === "chat" ? scroll.scrollHeight : 0;
  const field = byId("words");
  if (typing && field) { field.focus(); field.setSelectionRange(...range); }
}

let lastID = 0;
async function load() {
  const who = query.get("user") || query.get("who") || "";
  const path = "/sim/screen?" + new URLSearchParams({ [query.get("user") ? "user" : "who"]: who, ...(phone.screen ? { rev: phone.screen.rev } : {}) });
  const s = await ask(path);
  if (s.now) tick(s.now);
  if (!s.threads) return; // nothing changed
  const first = !phone.screen;
  phone.screen = s;
  phone.staff = s.kind === "staff";
  document.title = s.name + "的手机";
  device.setAttribute("aria-label", s.name + "的手机");
  device.classList.toggle("wecom", s.kind === "staff");
  const threads = threadsOf(s);
  if (first) start(threads);
  else notify(threads);
  lastID = Math.max(lastID, 0, ...threads.flatMap((t) => t.lines.map((l) => l.id)));
  draw();
  if (first && query.get("url")) phone.web(query.get("url"));
}

let running = null, again = false;
export function refresh() {
  if (running) { again = true; return running; }
  running = load()
    .catch((e) => { if (!phone.screen) stage.replaceChildren(h("p", { class: "empty" }, e.message)); })
    .finally(() => {
      running = null;
      if (again) { again = false; refresh(); }
    });
  return running;
}

// start opens what the address asks for.
function start(threads) {
  const app = query.get("app"), chat = query.get("chat");
  const root = phone.staff ? "messages" : "wechat";
  const t = threads.find((x) => x.id === chat || x.name === chat) || threads.find((x) => x.id === app && x.kind !== "mini");
  if (t) {
    phone.trail = [{ view: t.kind === "sms" ? "sms" : root }];
    phone.at = { view: "chat", id: t.id };
  } else if ((phone.screen.officials || []).some((o) => o.id === app)) phone.at = { view: "chat", id: app };
  else if ((phone.screen.minis || []).some((m) => m.id === app)) phone.at = { view: "mini", id: app };
  else phone.at = { view: app && views[app] ? app : phone.staff ? "messages" : "home" };
}

// notify shows what just came, unless it is being looked at.
function notify(threads) {
  let newest = null;
  for (const t of threads) {
    for (const l of t.lines) if (l.side === "theirs" && l.id > lastID && (!newest || l.id > newest.line.id)) newest = { thread: t, line: l };
  }
  if (!newest) return;
  const looking = phone.at.view === "chat" && phone.at.id === newest.thread.id && !document.querySelector(".web");
  if (!looking) banner(newest.thread, newest.line);
}

let gone = 0;
function banner(thread, line) {
  const b = byId("banner");
  const open = () => {
    b.classList.remove("up");
    closeWeb();
    phone.go({ view: "chat", id: thread.id });
  };
  b.replaceChildren(h("button", { type: "button", onclick: open }, face(thread.name, thread.kind),
    h("span", { class: "text" }, h("b", null, thread.name), h("span", null, brief(line))), h("small", null, thread.kind === "sms" ? "短信" : phone.staff ? "企业微信" : "微信")));
  b.classList.add("up");
  clearTimeout(gone);
  gone = setTimeout(() => b.classList.remove("up"), 5000);
}

let told = 0;
function toast(text) {
  const t = byId("toast");
  t.textContent = text;
  t.hidden = false;
  clearTimeout(told);
  told = setTimeout(() => { t.hidden = true; }, 4000);
}

// sheet shows something from below; it returns what closes it.
function sheet(title, ...inner) {
  const s = byId("sheet"), before = document.activeElement;
  const close = () => {
    s.hidden = true;
    s.replaceChildren();
    if (before && before.isConnected) before.focus();
  };
  s.onclick = (e) => { if (e.target === s) close(); };
  s.onkeydown = (e) => { if (e.key === "Escape") close(); };
  s.replaceChildren(h("div", { class: "panel", role: "dialog", "aria-modal": "true", "aria-label": title },
    title && h("h2", null, title), inner, h("button", { type: "button", class: "cancel", onclick: close }, "取消")));
  s.hidden = false;
  const f = s.querySelector("input, button");
  if (f) f.focus();
  return close;
}

byId("homebar").addEventListener("click", () => {
  closeWeb();
  byId("sheet").hidden = true;
  phone.go({ view: phone.staff ? "messages" : "home" }, { root: true });
});

// The phone fits the frame it is shown in; alone on a real phone's screen it fills it.
function fit() {
  const bare = window.top === window && innerWidth <= 480;
  device.classList.toggle("bare", bare);
  const scale = bare ? 1 : Math.min(1, innerWidth / 390, innerHeight / 780);
  device.style.transform = scale < 1 ? `scale(${scale})` : "";
}
addEventListener("resize", fit);
fit();

live(refresh);
refresh();
setInterval(refresh, 5000);
setInterval(() => { if (seen) byId("clock").textContent = clock(now()); }, 1000);
