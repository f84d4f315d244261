// The places of a phone, each drawn from what the server said. A view gets the phone, its screen and its
// conversations, and returns an element; .scroll in it keeps its place when it is drawn again.
import { h, icon, face, when } from "./ui.js";
import { drawLines, brief } from "./lines.js";
import { unread } from "./phone.js";

const NOTICES = "notices";

// threadsOf are the conversations as the owner sees them: what a mini program sends, and notices of accounts
// one doesn't follow, come as 服务通知.
export function threadsOf(s) {
  const out = [], service = { id: NOTICES, kind: "notices", name: "服务通知", lines: [] };
  for (const t of s.threads) {
    const o = (s.officials || []).find((x) => x.id === t.id);
    const away = (l) => l.side === "theirs" && (l.kind === "subscribe" || o && !o.subscribed && (l.kind === "notice" || l.kind === "once"));
    service.lines.push(...t.lines.filter(away).map((l) => ({ ...l, from: t.name })));
    const lines = t.lines.filter((l) => !away(l));
    if (lines.length || t.kind !== "mini") out.push({ ...t, lines });
  }
  service.lines.sort((a, b) => a.id - b.id);
  if (service.lines.length) out.push(service);
  const last = (t) => (t.lines.length ? t.lines[t.lines.length - 1].id : 0);
  return out.sort((a, b) => last(b) - last(a));
}

const count = (list) => list.reduce((n, t) => n + unread(t), 0);
const badge = (n) => n > 0 && h("span", { class: "badge", "aria-label": n + " 条未读" }, n > 99 ? "99+" : String(n));
const empty = (...text) => h("p", { class: "empty" }, text);

function bar(phone, title, { back = true, right, about } = {}) {
  return h("header", { class: "bar" },
    back ? h("button", { type: "button", class: "back", "aria-label": "返回", onclick: () => phone.back() }, icon("back")) : h("span", { class: "back" }),
    h("h1", null, title, about && h("small", null, about)), right || h("span", { class: "more" }));
}

function tabs(phone, current, list) {
  return h("nav", { class: "tabs", "aria-label": "栏目" }, list.map(([view, name, symbol, n]) =>
    h("button", { type: "button", "aria-current": view === current ? "page" : null, onclick: () => phone.go({ view }, { root: true }) },
      h("span", { class: "symbol" }, icon(symbol), badge(n)), name)));
}

const personTabs = (phone, current, threads) => tabs(phone, current, [
  ["wechat", "微信", "wechat", count(threads.filter((t) => t.kind !== "sms"))], ["contacts", "通讯录", "people"], ["minis", "小程序", "mini"]]);
const staffTabs = (phone, current, threads) => tabs(phone, current, [
  ["messages", "消息", "sms", count(threads)], ["work", "工作台", "app"], ["customers", "客户", "people"]]);

function rows(phone, threads) {
  return h("ul", { class: "rows" }, threads.map((t) => {
    const last = t.lines[t.lines.length - 1];
    return h("li", null, h("button", { type: "button", onclick: () => phone.go({ view: "chat", id: t.id }) },
      h("span", { class: "pic" }, face(t.name, t.kind), badge(unread(t))),
      h("span", { class: "text" }, h("b", null, t.name, t.kind === "member" && h("i", null, "@" + t.about)), h("span", null, brief(last) || "还没有消息")),
      last && h("time", null, when(last.at, phone.now))));
  }));
}

// entry is one line of a list: a picture, a name, something about it, and buttons.
function entry(kind, name, about, onclick, ...actions) {
  return h("li", null, h(onclick ? "button" : "div", { type: onclick ? "button" : null, class: "entry", onclick }, face(name, kind),
    h("span", { class: "text" }, h("b", null, name), about && h("span", null, about))), actions);
}

function home(phone, s, threads) {
  const app = (view, name, symbol, n) => h("button", { type: "button", class: "launch " + view, onclick: () => phone.go({ view }) },
    h("span", { class: "tileicon" }, icon(symbol), badge(n)), name);
  const sms = threads.filter((t) => t.kind === "sms");
  const d = new Date(phone.now + 8 * 3600e3);
  return h("div", { class: "home" },
    h("p", { class: "hello" }, h("b", null, s.name), h("span", null, `${d.getUTCMonth() + 1}月${d.getUTCDate()}日 星期${"日一二三四五六"[d.getUTCDay()]}`)),
    h("div", { class: "launches" }, app("wechat", "微信", "wechat", count(threads) - count(sms)), app("sms", "短信", "sms", count(sms)), app("minis", "小程序", "mini", 0)));
}

function wechat(phone, s, threads) {
  const list = threads.filter((t) => t.kind !== "sms"), n = count(list);
  return h("div", { class: "page" }, bar(phone, n ? `微信(${n})` : "微信", { back: false, right: h("button", { type: "button", class: "more", "aria-label": "扫一扫", onclick: () => scan(phone, s) }, icon("plus")) }),
    h("div", { class: "scroll" }, list.length ? rows(phone, list) : empty("还没有消息。", h("br"), "点右上角扫一扫，关注公众号或添加企业微信员工。")),
    personTabs(phone, "wechat", threads));
}

function sms(phone, s, threads) {
  const list = threads.filter((t) => t.kind === "sms");
  return h("div", { class: "page sms" }, bar(phone, "短信", { about: s.number }), h("div", { class: "scroll" }, list.length ? rows(phone, list) : empty("还没有短信")));
}

function contacts(phone, s, threads) {
  return h("div", { class: "page" }, bar(phone, "通讯录", { back: false, right: h("button", { type: "button", class: "more", "aria-label": "扫一扫", onclick: () => scan(phone, s) }, icon("plus")) }),
    h("div", { class: "scroll" },
      h("h2", null, "公众号"),
      h("ul", { class: "rows" }, s.officials.map((o) => entry("official", o.name, o.subscribed ? "已关注" : "未关注", () => phone.go({ view: "official", id: o.id })))),
      h("h2", null, "企业微信联系人"),
      h("ul", { class: "rows" }, s.members.map((m) => entry("member", m.name, m.about, m.friend ? () => phone.go({ view: "chat", id: m.id }) : null,
        h("button", { type: "button", class: m.friend ? "small quiet" : "small", onclick: () => befriend(phone, m) }, m.friend ? "删除" : "添加"))))),
    personTabs(phone, "contacts", threads));
}

async function befriend(phone, m, state) {
  const done = await phone.act({ app: m.corp, do: m.friend ? "delete_staff" : "add_staff", with: m.who, state });
  if (done && !m.friend) phone.go({ view: "chat", id: m.id });
}

// scan stands in for the camera: which code is held before it.
function scan(phone, s) {
  const one = (list, label, name) => h("select", { "aria-label": label }, list.map((x) => h("option", { value: x.id }, name(x))));
  const officials = one(s.officials, "公众号", (o) => o.name), members = one(s.members.filter((m) => !m.friend), "员工", (m) => m.name + "（" + m.about + "）");
  const scene = h("input", { value: "demo", maxlength: "64", "aria-label": "场景值", placeholder: "场景值" }), state = h("input", { maxlength: "64", "aria-label": "渠道 state", placeholder: "渠道 state，可空" });
  const close = phone.sheet("扫一扫",
    s.officials.length > 0 && h("form", { class: "scan", onsubmit: async (e) => {
      e.preventDefault();
      close();
      if (await phone.act({ app: officials.value, do: "scan", with: scene.value.trim() })) phone.go({ view: "chat", id: officials.value });
    } }, h("b", null, "公众号的渠道二维码"), officials, scene, h("button", { class: "main" }, "扫码")),
    members.length > 0 && h("form", { class: "scan", onsubmit: (e) => {
      e.preventDefault();
      close();
      befriend(phone, s.members.find((m) => m.id === members.value), state.value.trim());
    } }, h("b", null, "员工的“联系我”二维码"), members, state, h("button", { class: "main" }, "扫码添加")));
}

// composer is where one types: what is typed survives a redraw.
function composer(phone, id, label, send, left) {
  const field = h("input", { id: "words", autocomplete: "off", maxlength: "600", "aria-label": label, placeholder: left ? "" : label, value: phone.drafts[id] || "",
    oninput: (e) => { phone.drafts[id] = e.target.value; button.hidden = !e.target.value.trim(); } });
  const button = h("button", { class: "send", hidden: !(phone.drafts[id] || "").trim() }, "发送");
  return h("form", { class: "composer", onsubmit: (e) => {
    e.preventDefault();
    const text = field.value.trim();
    if (!text) return;
    phone.drafts[id] = field.value = "";
    button.hidden = true;
    send(text);
  } }, left, field, button);
}

function officialFoot(phone, s, o) {
  if (!o.subscribed) return h("footer", { class: "foot" }, h("button", { type: "button", class: "main", onclick: () => phone.act({ app: o.id, do: "follow" }) }, "关注公众号"));
  const say = (text) => phone.act({ app: o.id, do: "say", with: text });
  const menu = o.menu || [];
  if (!menu.length || phone.at.typing) {
    return h("footer", { class: "foot" }, composer(phone, o.id, "发消息", say,
      menu.length > 0 && h("button", { type: "button", class: "toggle", "aria-label": "菜单", onclick: () => { phone.at.typing = false; phone.draw(); } }, icon("menu"))));
  }
  const tap = (b) => {
    phone.at.open = undefined;
    if (b.url) {
      phone.act({ app: o.id, do: "menu_link", with: b.url });
      phone.web(b.url, b.name);
    } else phone.act({ app: o.id, do: "menu", with: b.key });
  };
  return h("footer", { class: "foot menu" },
    h("button", { type: "button", class: "toggle", "aria-label": "键盘", onclick: () => { phone.at.typing = true; phone.draw(); document.getElementById("words").focus(); } }, icon("keyboard")),
    menu.map((b, i) => h("div", { class: "entry" },
      phone.at.open === i && h("div", { class: "sub", role: "menu" }, b.sub.map((x) => h("button", { type: "button", role: "menuitem", onclick: () => tap(x) }, x.name))),
      h("button", { type: "button", "aria-expanded": b.sub && b.sub.length ? String(phone.at.open === i) : null,
        onclick: () => { if (b.sub && b.sub.length) { phone.at.open = phone.at.open === i ? undefined : i; phone.draw(); } else tap(b); } },
      b.sub && b.sub.length > 0 && icon("menu"), b.name))));
}

function foot(phone, s, t) {
  const o = (s.officials || []).find((x) => x.id === t.id);
  if (o) return officialFoot(phone, s, o);
  switch (t.kind) {
    case "mini": return h("footer", { class: "foot" }, composer(phone, t.id, "发消息", (text) => phone.act({ app: t.id, do: "mini_say", with: text })));
    case "sms": return h("footer", { class: "foot" }, composer(phone, t.id, "短信，退订回复 R", (text) => phone.act({ who: s.number, app: t.id, do: "reply_sms", with: text })),
      h("button", { type: "button", class: "quick", onclick: () => phone.act({ who: s.number, app: t.id, do: "reply_sms", with: "R" }) }, "回复 R"));
    case "app": return h("footer", { class: "foot" }, composer(phone, t.id, "发消息给应用", (text) => phone.act({ app: t.id, do: "staff_say", with: text })));
    case "member": case "customer": return h("footer", { class: "foot hint" }, "客户与员工的单聊，平台不推给企业的系统，这里不演");
  }
  return null;
}

function chat(phone, s, threads) {
  const t = threads.find((x) => x.id === phone.at.id) || chatless(phone.at.id, s);
  if (!t) return h("div", { class: "page" }, bar(phone, "聊天"), h("div", { class: "scroll" }, empty("这里还没有消息")));
  const ctx = {
    me: s.name, staff: phone.staff, link: (url, title) => phone.web(url, title), act: (a) => phone.act(a),
    mini: (id, page) => { phone.act({ app: id, do: "open_mini", with: "" }); phone.go({ view: "mini", id, page }); },
  };
  const known = t.kind === "official" || t.kind === "member";
  const right = known ? h("button", { type: "button", class: "more", "aria-label": "资料", onclick: () => phone.go({ view: t.kind === "official" ? "official" : "member", id: t.id }) }, icon("more")) : null;
  return h("div", { class: "page chat " + t.kind }, bar(phone, t.name, { right, about: t.kind === "member" ? "@" + t.about : t.kind === "customer" ? t.about : "" }),
    h("div", { class: "scroll", tabindex: "0", "aria-label": "与" + t.name + "的对话" }, t.lines.length ? drawLines(t, phone.now, ctx) : empty("还没有消息")),
    foot(phone, s, t));
}

// chatless is a conversation nothing was said in yet.
function chatless(id, s) {
  const o = (s.officials || []).find((x) => x.id === id), m = (s.minis || []).find((x) => x.id === id), p = [...(s.members || []), ...(s.customers || [])].find((x) => x.id === id);
  if (o) return { id, kind: "official", name: o.name, lines: [] };
  if (m) return { id, kind: "mini", name: m.name, lines: [] };
  if (p) return { id, kind: s.kind === "staff" ? "customer" : "member", name: p.name, about: s.kind === "staff" ? "微信客户" : p.about, lines: [] };
  return null;
}

// official is an account's page: following it, and what it may send.
function official(phone, s) {
  const o = s.officials.find((x) => x.id === phone.at.id);
  return h("div", { class: "page profile" }, bar(phone, ""),
    h("div", { class: "scroll" },
      h("div", { class: "who" }, face(o.name, "official"), h("div", null, h("b", null, o.name), h("small", null, "服务号"))),
      h("div", { class: "do" }, o.subscribed
        ? [h("button", { type: "button", class: "main", onclick: () => phone.go({ view: "chat", id: o.id }) }, "发消息"),
          h("button", { type: "button", class: "plain warn", onclick: () => phone.act({ app: o.id, do: "unfollow" }) }, "不再关注")]
        : h("button", { type: "button", class: "main", onclick: async () => { if (await phone.act({ app: o.id, do: "follow" })) phone.go({ view: "chat", id: o.id }); } }, "关注公众号")),
      o.subscribed && [h("h2", null, "消息"), h("ul", { class: "rows" }, h("li", null, h("span", { class: "entry" }, h("span", { class: "text" }, h("b", null, "接收模板消息"))),
        h("button", { type: "button", role: "switch", class: "switch", "aria-checked": String(!o.refuses), "aria-label": "接收模板消息", onclick: () => phone.act({ app: o.id, do: o.refuses ? "accept" : "refuse" }) })))],
      agreements(phone, o, "订阅通知", "subscribe_notice", "drop_notice")));
}

// agreements are the templates of an account one can agree to.
function agreements(phone, o, title, yes, no) {
  const list = o.notices || [];
  return list.length > 0 && [h("h2", null, title), h("ul", { class: "rows" }, list.map((n) => h("li", null,
    h("span", { class: "entry" }, h("span", { class: "text" }, h("b", null, n.title), h("span", null, n.left || "未订阅"))),
    n.left && h("button", { type: "button", class: "small quiet", onclick: () => phone.act({ app: o.id, do: no, with: n.id }) }, "关闭"),
    h("button", { type: "button", class: "small", onclick: () => consent(phone, o, [n], yes) }, "订阅"))))];
}

// consent is the platform's own dialog.
function consent(phone, o, list, act) {
  const boxes = list.map((n) => h("input", { type: "checkbox", checked: true, value: n.id }));
  const answer = (yes) => {
    close();
    phone.act({ app: o.id, do: act, with: list.map((n, i) => n.id + (yes && boxes[i].checked ? "=accept" : "=reject")).join(",") });
  };
  const close = phone.sheet("", h("p", { class: "asks" }, face(o.name, "mini"), h("span", null, o.name, " 申请")), h("h3", null, list.length > 1 ? "发送以下消息" : "给你发一次以下消息"),
    h("ul", { class: "consents" }, list.map((n, i) => h("li", null, h("label", null, boxes[i], h("span", null, n.title))))),
    h("div", { class: "two" }, h("button", { type: "button", onclick: () => answer(false) }, "拒绝"), h("button", { type: "button", class: "main", onclick: () => answer(true) }, "允许")));
}

function member(phone, s) {
  const m = s.members.find((x) => x.id === phone.at.id);
  if (!m) return chat(phone, s, threadsOf(s));
  return h("div", { class: "page profile" }, bar(phone, ""),
    h("div", { class: "scroll" }, h("div", { class: "who" }, face(m.name, "member"), h("div", null, h("b", null, m.name), h("small", null, m.about))),
      h("div", { class: "do" }, m.friend
        ? [h("button", { type: "button", class: "main", onclick: () => phone.go({ view: "chat", id: m.id }) }, "发消息"), h("button", { type: "button", class: "plain warn", onclick: () => befriend(phone, m) }, "删除联系人")]
        : h("button", { type: "button", class: "main", onclick: () => befriend(phone, m) }, "添加到通讯录"))));
}

function minis(phone, s, threads) {
  return h("div", { class: "page" }, bar(phone, "小程序", { back: false }),
    h("div", { class: "scroll" }, s.minis && s.minis.length ? h("ul", { class: "rows" }, s.minis.map((m) => entry("mini", m.name, m.subscribed ? "最近使用" : "", () => { phone.act({ app: m.id, do: "open_mini" }); phone.go({ view: "mini", id: m.id }); }))) : empty("这里没有小程序")),
    personTabs(phone, "minis", threads));
}

function mini(phone, s) {
  const m = s.minis.find((x) => x.id === phone.at.id);
  if (!m) return home(phone, s, []);
  const ask = (m.notices || []).slice(0, 3);
  const number = () => {
    const close = phone.sheet("", h("p", { class: "asks" }, face(m.name, "mini"), h("span", null, m.name, " 申请")), h("h3", null, "获取并验证你的手机号"), h("p", { class: "number" }, s.number || "微信绑定号码"),
      h("div", { class: "two" }, h("button", { type: "button", onclick: () => close() }, "不允许"),
        h("button", { type: "button", class: "main", onclick: async () => { close(); if (await phone.act({ app: m.id, do: "mini_authorize_phone" })) phone.toast("已把手机号交给“" + m.name + "”"); } }, "允许")));
  };
  const chatWith = async () => { if (await phone.act({ app: m.id, do: "mini_session" })) phone.go({ view: "chat", id: m.id }); };
  return h("div", { class: "page minipage" },
    h("header", { class: "bar" }, h("span", { class: "back" }), h("h1", null, m.name), h("span", { class: "capsule" }, icon("more"), h("button", { type: "button", "aria-label": "关闭小程序", onclick: () => phone.back() }, icon("close")))),
    h("div", { class: "scroll" },
      h("div", { class: "hero" }, face(m.name, "mini"), h("b", null, m.name), h("span", null, phone.at.page || "首页")),
      h("div", { class: "cards" },
        ask.length > 0 && h("button", { type: "button", onclick: () => consent(phone, m, ask, "mini_subscribe") }, icon("bell"), h("span", null, h("b", null, "订阅提醒"), h("small", null, "有进展时通知我")), icon("next")),
        h("button", { type: "button", onclick: number }, icon("person"), h("span", null, h("b", null, "手机号快速验证"), h("small", null, "一键登录")), icon("next")),
        h("button", { type: "button", onclick: chatWith }, icon("sms"), h("span", null, h("b", null, "联系客服"), h("small", null, "进入客服会话")), icon("next"))),
      agreements(phone, m, "订阅消息设置", "mini_subscribe", "mini_drop")));
}

// ——— a member's phone
function messages(phone, s, threads) {
  const n = count(threads);
  return h("div", { class: "page" }, bar(phone, n ? `消息(${n})` : "消息", { back: false, about: s.corp_name }), h("div", { class: "scroll" }, rows(phone, threads)), staffTabs(phone, "messages", threads));
}

function work(phone, s, threads) {
  const open = (a) => {
    phone.act({ app: a.id, do: "staff_open" });
    phone.web(a.home || "/staff/", a.name);
  };
  return h("div", { class: "page" }, bar(phone, "工作台", { back: false }), h("div", { class: "scroll" }, h("h2", null, "应用"),
    h("div", { class: "launches" }, (s.apps || []).map((a) => h("button", { type: "button", class: "launch", onclick: () => open(a) }, h("span", { class: "tileicon" }, icon("app")), a.name)))), staffTabs(phone, "work", threads));
}

function customers(phone, s, threads) {
  const list = s.customers || [];
  return h("div", { class: "page" }, bar(phone, "客户", { back: false, about: list.length ? list.length + " 位" : "" }),
    h("div", { class: "scroll" }, list.length
      ? h("ul", { class: "rows" }, list.map((c) => entry("customer", c.name, c.lost ? "已被对方删除" : c.about ? "渠道 " + c.about : "微信客户", () => phone.go({ view: "chat", id: c.id }),
        h("button", { type: "button", class: "small quiet", onclick: () => phone.act({ do: "staff_delete", with: c.who }) }, "删除"))))
      : empty("还没有客户。", h("br"), "客户扫“联系我”添加后出现在这里。"),
    h("p", { class: "center" }, h("button", { type: "button", class: "small", onclick: () => addCustomer(phone, s) }, "添加客户"))),
    staffTabs(phone, "customers", threads));
}

function addCustomer(phone, s) {
  const list = h("ul", { class: "pick" });
  const find = async (q) => {
    const r = await fetch("/sim/people?q=" + encodeURIComponent(q)).catch(() => null);
    const people = r && r.ok ? await r.json() : [];
    list.replaceChildren(...people.filter((p) => !p.staff && !(s.customers || []).some((c) => c.id === p.id && !c.lost)).slice(0, 60).map((p) => h("li", null,
      h("button", { type: "button", onclick: async () => { close(); await phone.act({ who: p.id.slice(2), do: "add_staff", with: s.who }); } }, face(p.name, "friend"), h("span", null, h("b", null, p.name), h("small", null, p.about))))));
  };
  const close = phone.sheet("添加客户", h("input", { type: "search", placeholder: "搜索", "aria-label": "搜索客户", oninput: (e) => find(e.target.value) }), list);
  find("");
}

export const views = { home, wechat, sms, contacts, minis, mini, official, member, chat, messages, work, customers };
