// The page of the demo: task cards, the console, the phones, one clock. What is ticked is what /demo/state
// says was seen; the page itself decides nothing.
const $ = (id) => document.getElementById(id);
const el = (tag, attrs = {}, ...children) => {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attrs)) {
    if (k === "class") e.className = v;
    else if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
    else if (v !== false && v != null) e.setAttribute(k, v);
  }
  e.append(...children.filter((c) => c != null));
  return e;
};

let state = null;
let phone = "zhoumin";
const views = {}; // phone → {view, path}
let shownPhone = "";
let shownConsole = "";
let role = "";
let wasUp = null;
let busy = "";
let openCard = "look";
let rung = {};

async function post(path, body) {
  const res = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const out = await res.json().catch(() => ({}));
  if (!res.ok) throw new Error(out.error || "没有做成，请再试一次");
  return out;
}

let toastTimer;
function toast(text) {
  $("toast").textContent = text;
  $("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => ($("toast").hidden = true), 5000);
}

const attempt = async (what) => {
  try {
    return await what();
  } catch (e) {
    toast(e.message);
    return null;
  }
};

// ---- console
function openConsole(path, again) {
  const to = "/console" + path;
  if (to === shownConsole && !again) return;
  shownConsole = to;
  $("console").src = to;
}

function fitConsole() {
  const box = $("console-box");
  const w = box.clientWidth, h = box.clientHeight;
  const logical = Math.max(w, 1080); // narrower, and tables, which need 960, would have to be scrolled
  const k = w / logical;
  const f = $("console");
  f.style.width = logical + "px";
  f.style.height = h / k + "px";
  f.style.transform = `scale(${k})`;
}
new ResizeObserver(fitConsole).observe($("console-box"));

$("wide").addEventListener("click", () => {
  const on = document.querySelector("main").classList.toggle("wide");
  $("wide").setAttribute("aria-pressed", on);
  $("wide").textContent = on ? "还原" : "放大后台";
});

// ---- roles
async function be(key) {
  const out = await attempt(() => post("/demo/role", { role: key }));
  if (!out) return;
  setRole(key);
  const own = { sales: "wanglei", leader: "zhaofang", employee: "chenjing" }[key];
  if (own) showPhone(own);
  openConsole("/", true);
}

function setRole(key) {
  role = key;
  const r = state.roles.find((x) => x.key === key);
  $("who").textContent = r ? `后台 · ${r.role} ${r.name}` : "后台";
  for (const b of $("roles").children) b.setAttribute("aria-pressed", b.dataset.role === key);
}

function drawRoles() {
  if ($("roles").children.length) return;
  for (const r of state.roles) {
    $("roles").append(el("button", { type: "button", "data-role": r.key, "aria-pressed": false, onclick: () => be(r.key) }, r.role === r.name ? r.role : `${r.role} ${r.name}`));
  }
  setRole(state.role || "market");
}

// ---- phones
function phoneAddress(p) {
  const v = views[p.key] || { view: "chat" };
  if (v.view === "web") return `/sim/webview/${encodeURIComponent(p.who)}${v.path || (p.staff ? "/staff/" : "/p/white-paper")}`;
  return `/sim/phone?who=${encodeURIComponent(p.who)}&app=${encodeURIComponent(v.path || p.app)}`;
}

function showPhone(key, view, path, again) {
  phone = key;
  if (view) views[key] = { view, path };
  const p = state.phones.find((x) => x.key === key);
  const address = phoneAddress(p);
  for (const b of $("phones").children) {
    b.setAttribute("aria-selected", b.dataset.phone === key);
    if (b.dataset.phone === key) b.classList.remove("rang");
  }
  const v = (views[key] || {}).view || "chat";
  for (const b of document.querySelectorAll("[data-view]")) b.setAttribute("aria-pressed", b.dataset.view === v);
  $("view-web").textContent = p.staff ? "员工端" : "网页";
  if (address === shownPhone && !again) return;
  shownPhone = address;
  // A new frame, not a new address in the old one: a page that is just signing in there navigates by itself,
  // and the later navigation wins.
  const frame = $("phone").cloneNode(false);
  frame.title = `${p.name}的手机`;
  frame.className = v === "web" ? "page" : "";
  frame.src = address;
  $("phone").replaceWith(frame);
}

function drawPhones() {
  if ($("phones").children.length) return;
  for (const p of state.phones) {
    $("phones").append(el("button", { type: "button", role: "tab", "data-phone": p.key, "aria-selected": false, onclick: () => showPhone(p.key) }, p.name, el("small", {}, p.about)));
  }
  showPhone(phone);
}

for (const b of document.querySelectorAll("[data-view]")) {
  b.addEventListener("click", () => showPhone(phone, b.dataset.view, b.dataset.view === "web" ? (views[phone] || {}).path : undefined, true));
}

// ---- clock
const clockText = new Intl.DateTimeFormat("zh-CN", { timeZone: "Asia/Shanghai", month: "long", day: "numeric", weekday: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
let course = null;
setInterval(() => {
  if (!course) return;
  $("now").textContent = clockText.format(course.now + (Date.now() - course.at) * course.rate);
}, 200);
function takeClock(c) {
  if (!c || !c.now) return;
  course = { now: c.now, at: Date.now(), rate: c.rate };
  for (const b of document.querySelectorAll("[data-rate]")) b.setAttribute("aria-pressed", Number(b.dataset.rate) === c.rate);
}
for (const b of document.querySelectorAll(".clock button")) {
  b.addEventListener("click", async () => {
    const body = b.dataset.rate ? { rate: Number(b.dataset.rate) } : { hours: Number(b.dataset.hours) };
    b.disabled = true;
    const c = await attempt(() => post("/demo/clock", body));
    b.disabled = false;
    if (c) takeClock(c);
  });
}

// ---- cards
async function play(card, step) {
  busy = card + "/" + step;
  drawCards();
  const to = await attempt(() => post("/demo/step", { card, step }));
  busy = "";
  if (to) {
    if (to.role && to.role !== role) {
      setRole(to.role);
      openConsole(to.console || "/", true);
    } else if (to.console) openConsole(to.console, true);
    if (to.phone) showPhone(to.phone, to.view || "chat", to.path, to.view === "web" || Boolean(to.path));
    if (to.note) toast(to.note);
  }
  await refresh();
}

function drillBox(d) {
  if (!d) return null;
  const box = el("div", { class: "drill", role: "status" }, el("div", {}, d.what));
  if (d.state === "done") {
    const n = (v, text, bad) => el("div", {}, el("b", { class: bad ? (v ? "bad" : "ok") : "" }, String(v)), el("span", {}, text));
    box.append(
      el("div", { class: "nums" }, n(d.lost, "丢失", true), n(d.twice + d.doubled, "重复", true), n(d.acked, "条回调已应答"), n(d.rows, "条在时间线上"), n(d.asked, "人问了报价"), n(d.arrived, "条回复到手机")),
      el("div", {}, `进程 ${d.pid} 被杀，${(d.away_ms / 1000).toFixed(1)} 秒后由进程 ${d.new_pid} 接上。`),
    );
    if (d.dropped) box.append(el("div", {}, `${d.dropped} 条平台重试三次仍没有应答而放弃：从未答应过收下。`));
    if (d.unsure) box.append(el("div", {}, `${d.unsure} 条回复在发送途中被打断，结果标为“未知”，不会盲目重发。`));
  } else if (d.state !== "failed") box.append(el("progress"));
  return box;
}

let drawn = "";
let drilled; // what the drill's box said last
// followDrill keeps the box in sight while it grows, to its result.
function followDrill() {
  const step = state.cards.flatMap((c) => c.steps).find((s) => s.key === "kill");
  const now = JSON.stringify([state.drill, step?.note]);
  const grew = drilled !== undefined && drilled !== now;
  drilled = now;
  if (grew && state.drill) document.querySelector(".drill")?.scrollIntoView({ block: "end", behavior: "smooth" });
}
function drawCards() {
  const now = JSON.stringify([state.cards, state.drill, busy, openCard]);
  if (now === drawn) return;
  drawn = now;
  const focused = document.activeElement?.dataset?.step;
  $("cards").replaceChildren(
    ...state.cards.map((c, i) => {
      const done = c.steps.filter((s) => s.done).length;
      const next = c.steps.find((s) => !s.done);
      const d = el(
        "details",
        { class: "card" + (done === c.steps.length ? " all" : ""), open: c.key === openCard ? "" : false },
        el("summary", { onclick: (e) => { e.preventDefault(); openCard = openCard === c.key ? "" : c.key; drawCards(); } },
          el("span", { class: "n" }, done === c.steps.length ? "✓" : String(i + 1)), c.title, el("span", { class: "of" }, `${done}/${c.steps.length}`)),
        el("p", {}, c.intro),
        el("ol", {}, ...c.steps.map((s, j) => {
          const name = c.key + "/" + s.key;
          return el("li", { class: (s.done ? "done" : "") + (s === next ? " next" : "") },
            el("span", { class: "tick", "aria-label": s.done ? "完成" : "未完成" }, s.done ? "✓" : String(j + 1)),
            el("div", {}, el("div", { class: "t" }, s.title), s.note ? el("div", { class: "note" }, s.note) : null,
              el("button", { type: "button", "data-step": name, disabled: busy === name ? "" : false, onclick: () => play(c.key, s.key) }, busy === name ? "进行中…" : s.done && s.button === "做这一步" ? "再做一次" : s.button),
              s.key === "kill" ? drillBox(state.drill) : null));
        })),
      );
      return d;
    }),
  );
  if (focused) document.querySelector(`[data-step="${focused}"]`)?.focus({ preventScroll: true });
  followDrill();
}

// ---- state
function pouring() {
  const ready = state.phase === "ready";
  $("veil").hidden = ready;
  if (ready) return;
  const p = state.progress;
  $("pour-what").textContent = p.total && state.phase === "pouring" ? `${p.what}：已处理 ${p.applied.toLocaleString()} / ${p.total.toLocaleString()} 个事件，每秒 ${Math.round(p.rate).toLocaleString()} 个` : p.what + "…";
  $("pour-bar").value = state.phase === "morning" ? 98 : p.total ? (95 * p.applied) / p.total : 2;
  $("pour-wrong").hidden = state.phase !== "failed";
  if (state.phase === "failed") $("pour-wrong").textContent = "没有准备好：" + state.problem + "。请点右上角「重置」再试。";
}

let timer;
let began = false;
async function refresh() {
  clearTimeout(timer);
  try {
    const res = await fetch("/demo/state", { cache: "no-store" });
    state = await res.json();
    drawRoles();
    drawPhones();
    takeClock(state.clock);
    pouring();
    drawCards();
    const k = $("koi");
    k.replaceChildren(...(state.koi.up ? ["● 运行中", el("i", {}, ` · 进程 ${state.koi.pid}`)] : ["● 进程不在，正在重启…"]));
    k.classList.toggle("away", !state.koi.up);
    if (state.phase === "ready") {
      if (!began) {
        began = true;
        openConsole("/", true);
        showPhone(phone, undefined, undefined, true);
      }
    } else began = false;
    for (const p of state.phones) {
      const b = document.querySelector(`[data-phone="${p.key}"]`);
      if (rung[p.key] !== undefined && p.got > rung[p.key] && p.key !== phone) b.classList.add("rang");
      rung[p.key] = p.got;
    }
    wasUp = state.koi.up;
  } catch {
    $("koi").textContent = "● 演示程序没有回应";
    $("koi").classList.add("away");
  }
  timer = setTimeout(refresh, state && state.phase === "ready" && !state.drill ? 1000 : 500);
}

// ---- ends
$("real").addEventListener("click", () => $("real-ask").showModal());
$("reset").addEventListener("click", () => $("reset-ask").showModal());
$("reset-ask").addEventListener("close", async () => {
  if ($("reset-ask").returnValue !== "yes") return;
  if (await attempt(() => post("/demo/reset", {}))) {
    began = false;
    openCard = "look";
    for (const k of Object.keys(views)) delete views[k];
    phone = "zhoumin";
    shownPhone = "";
    $("console").src = "about:blank";
    shownConsole = "";
    refresh();
  }
});

refresh();
