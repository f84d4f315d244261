// The shelf: phones side by side, one place to break the platform, and what it saw.
import { h, ask, live, exact } from "./ui.js";

const byId = (id) => document.getElementById(id);
function complain(text) { byId("trouble").textContent = text; byId("trouble").hidden = !text; }
const guarded = (f) => async (...a) => { try { await f(...a); complain(""); } catch (e) { complain(e.message); } };

// ——— which phones: those in the address, else the two of each side where something happened last
let people = [];
async function shown() {
  const asked = new URLSearchParams(location.search).getAll("show");
  people = await ask("/sim/people");
  if (asked.length) return asked.map((id) => people.find((p) => p.id === id) || { id, name: id, about: "", staff: id.startsWith("s-") });
  return [...people.filter((p) => !p.staff).slice(0, 2), ...people.filter((p) => p.staff).slice(0, 2)];
}

function keep(list) {
  history.replaceState(null, "", "/sim/" + (list.length ? "?" + new URLSearchParams(list.map((p) => ["show", p.id])) : ""));
  place(list);
}

let onShelf = [];
function place(list) {
  onShelf = list;
  for (const [id, staff] of [["people", false], ["staff", true]]) {
    const box = byId(id), wanted = list.filter((p) => p.staff === staff);
    for (const e of [...box.children]) if (!wanted.some((p) => p.id === e.dataset.id)) e.remove();
    for (const p of wanted) {
      if ([...box.children].some((e) => e.dataset.id === p.id)) continue; // a phone that is on keeps its place
      box.append(h("div", { class: "phone", "data-id": p.id },
        h("div", { class: "name" }, h("b", null, p.name), h("small", null, p.about), h("button", { type: "button", "aria-label": "收起" + p.name + "的手机", onclick: () => keep(onShelf.filter((x) => x.id !== p.id)) }, "收起")),
        h("iframe", { src: (staff ? "/sim/staff?user=" : "/sim/phone?who=") + encodeURIComponent(p.id), title: p.name + "的手机" })));
    }
    if (!wanted.length) box.append(h("p", { class: "none" }, "这一侧没有手机。点“换人或再放一部”。"));
  }
}

async function find(staff) {
  const found = await ask("/sim/people?q=" + encodeURIComponent(byId("find").value.trim()));
  byId("found").replaceChildren(...found.filter((p) => p.staff === staff).map((p) => h("li", null, h("label", null,
    h("input", { type: "checkbox", checked: onShelf.some((x) => x.id === p.id), onchange: (e) => keep(e.target.checked ? [...onShelf, p] : onShelf.filter((x) => x.id !== p.id)) }),
    p.name, h("small", null, p.about)))));
  if (!byId("found").children.length) byId("found").append(h("li", { class: "gray" }, "没有找到"));
}
for (const [id, staff] of [["add-person", false], ["add-staff", true]]) {
  byId(id).addEventListener("click", () => {
    byId("find").value = "";
    byId("find").oninput = guarded(() => find(staff));
    guarded(find)(staff);
    byId("choose").showModal();
  });
}

// ——— breaking the platform
const names = new Map([["SendSms", "发送短信"], ["*", "所有接口"]]);
async function interfaces() {
  const { rules } = await ask("/sim/rules");
  const groups = new Map();
  for (const r of rules) {
    if (names.has(r.path)) continue;
    names.set(r.path, r.name);
    if (!groups.has(r.platform)) groups.set(r.platform, []);
    groups.get(r.platform).push(r);
  }
  const option = (path) => h("option", { value: path }, names.get(path));
  const first = ["/cgi-bin/message/custom/send", "/cgi-bin/message/template/send", "/cgi-bin/message/send", "/cgi-bin/externalcontact/send_welcome_msg", "/cgi-bin/message/subscribe/send", "SendSms", "*"].filter((p) => names.has(p));
  drawn = ""; // what was drawn without names
  byId("path").replaceChildren(h("optgroup", { label: "常用" }, first.map(option)), h("optgroup", { label: "其他" }, [...names.keys()].filter((p) => !first.includes(p)).map(option)));
}

function faultOf(path, how) {
  const sms = path === "SendSms";
  if (how === "after") return { after: true };
  if (how === "drop") return { drop: true };
  if (how === "late") return { latency_ms: 3000 };
  if (how === "502") return { status: 502 };
  if (sms) return { error: { "45009": "isv.BUSINESS_LIMIT_CONTROL", "-1": "isp.SYSTEM_ERROR" }[how] || "isv.AMOUNT_NOT_ENOUGH" };
  return { code: Number(how) };
}

function told(m) {
  const parts = [m.code && "返回 " + m.code, m.error && "返回 " + m.error, m.status && "HTTP " + m.status, m.after && "收下不回答", m.drop && "连接断开", m.latency_ms && `慢 ${m.latency_ms / 1000} 秒`, m.receipt && "回执 " + m.receipt];
  return parts.filter(Boolean).join("，");
}

function drawFaults(list) {
  byId("faults").replaceChildren(...(list.length ? [h("ul", null, list.map((m) => h("li", null, h("b", null, names.get(m.path) || m.path), " ", told(m), "，", m.times < 0 ? "直到清除" : `还有 ${m.times} 次`))),
    h("button", { type: "button", onclick: guarded(async () => drawFaults(await ask("/sim/misbehave", undefined, "DELETE"))) }, "全部清除")] : [h("p", { class: "gray" }, "现在一切正常。")]));
}
byId("break").addEventListener("submit", guarded(async (e) => {
  e.preventDefault();
  const path = byId("path").value;
  drawFaults(await ask("/sim/misbehave", { path, times: Number(byId("times").value), ...faultOf(path, byId("how").value) }));
}));

// ——— what happened
const pretty = (v) => (v === undefined ? "" : typeof v === "string" ? v : JSON.stringify(v, null, 2));
const raw = (title, ...parts) => h("details", null, h("summary", null, title), parts.filter(Boolean).map((p) => h("pre", null, p)));
const time = (at) => h("td", null, h("time", null, exact(at)));
const logs = {
  calls: { title: "平台收到的调用", cols: ["时间", "接口", "结果", "内容"], key: (c) => "c" + c.id, row: (c) => [time(c.at),
    h("td", null, names.get(c.path) || c.path, h("small", null, c.path)),
    h("td", null, c.misbehaved ? h("span", { class: "bad" }, "故障：" + c.misbehaved) : c.errcode ? h("span", { class: "bad" }, "errcode " + c.errcode) : h("span", { class: "good" }, "成功"), h("small", null, c.account || "")),
    h("td", null, raw("查看", pretty(c.body) || c.query, pretty(c.answer)))] },
  deliveries: { title: "送到手机上的消息", cols: ["时间", "给谁", "消息", "次数"], key: (d) => "d" + d.id + "." + d.count, row: (d) => [time(d.at), h("td", null, d.to, h("small", null, d.account)),
    h("td", null, d.text || "（" + d.kind + "）", raw(d.kind, pretty(d.content))), h("td", { class: "num" + (d.count > 1 ? " bad" : "") }, d.count)] },
  callbacks: { title: "推给 Koi 的回调", cols: ["时间", "事件", "结果", "次数"], key: (c) => "b" + [c.id, c.status, c.tries], row: (c) => [time(c.at), h("td", null, c.event, h("small", null, c.account)),
    h("td", null, c.status === "acknowledged" ? h("span", { class: "good" }, "已确认") : c.status === "dropped" ? h("span", { class: "bad" }, "丢弃 " + (c.answer || "")) : h("span", { class: "wait" }, "等待回应")), h("td", { class: "num" }, c.tries)] },
};
let log = "calls", drawn = "";
async function drawLog() {
  const l = logs[log], list = (await ask(`/sim/${log}?limit=60`)).reverse(), key = list.map(l.key).join();
  if (key === drawn || byId("rows").querySelector("details[open]")) return; // what is being read stays
  drawn = key;
  byId("log-title").textContent = l.title;
  byId("cols").replaceChildren(h("tr", null, l.cols.map((c) => h("th", { scope: "col" }, c))));
  byId("rows").replaceChildren(...(list.length ? list.map((x) => h("tr", null, l.row(x))) : [h("tr", null, h("td", { colspan: l.cols.length, class: "gray" }, "还没有。在手机上点点看。"))]));
}
for (const b of document.querySelectorAll("[data-log]")) {
  b.addEventListener("click", guarded(async () => {
    log = b.dataset.log;
    for (const x of document.querySelectorAll("[data-log]")) x.setAttribute("aria-selected", String(x === b));
    byId("rows").replaceChildren();
    drawn = "";
    await drawLog();
  }));
}

async function drawTotals() {
  const s = await ask("/sim/stats");
  const n = (title, v, bad) => h("div", null, h("dt", null, title), h("dd", { class: bad && v ? "bad" : null }, v.toLocaleString("zh-CN")));
  byId("totals").replaceChildren(n("送达", s.deliveries.delivered), n("重复送达", s.deliveries.repeated, true), n("接口调用", s.calls.total), n("回调确认", s.callbacks.acknowledged), n("回调丢弃", s.callbacks.dropped, true));
}

let running = false;
const refresh = guarded(async () => {
  if (running) return;
  running = true;
  try { await Promise.all([drawTotals(), drawLog(), ask("/sim/misbehave").then(drawFaults)]); } finally { running = false; }
});
guarded(async () => { place(await shown()); await interfaces(); await refresh(); })();
live(refresh);
setInterval(refresh, 3000);
