// The webview: a page of Koi's in a frame of its own origin, with the phone's own cookies. The page's bridge
// (bridge.js) tells its title, its address and its share card.
import { h, icon, face, ask } from "./ui.js";

let frame = null, page = null, bar = null, owner = null;

addEventListener("message", (e) => {
  if (!frame || e.source !== frame.contentWindow || !e.data) return;
  if (e.data.koiPhone === "close") closeWeb();
  if (e.data.koiPhone !== "page") return;
  page = { title: String(e.data.title || ""), about: String(e.data.about || ""), url: String(e.data.url || ""), back: !!e.data.back, share: e.data.share || null };
  bar.querySelector("h1").textContent = page.title || "网页";
  bar.querySelector(".back").hidden = !page.back;
});

// openWeb opens an address over what the phone shows.
export function openWeb(phone, url, title) {
  closeWeb();
  owner = phone;
  page = { title: title || "", url, back: false, share: null };
  frame = h("iframe", { title: "网页", sandbox: "allow-scripts allow-same-origin allow-forms allow-modals allow-downloads", referrerpolicy: "no-referrer",
    src: "/sim/webview/" + encodeURIComponent(phone.screen.id) + "?url=" + encodeURIComponent(url) });
  bar = h("header", { class: "bar" },
    h("button", { type: "button", class: "close", "aria-label": "关闭网页", onclick: closeWeb }, icon("close")),
    h("button", { type: "button", class: "back", "aria-label": "后退", hidden: true, onclick: () => frame.contentWindow.postMessage({ koiPhone: "back" }, "*") }, icon("back")),
    h("h1", null, title || "正在打开…"),
    h("button", { type: "button", class: "more", "aria-label": "更多", onclick: menu }, icon("more")));
  document.getElementById("screen").insertBefore(h("section", { class: "web", "aria-label": "网页" }, bar, frame), document.getElementById("banner"));
}

export function closeWeb() {
  const w = document.querySelector(".web");
  if (!w) return;
  w.remove();
  frame = null;
  if (owner) owner.draw();
}

function menu() {
  const close = owner.sheet("", h("div", { class: "actions" },
    h("button", { type: "button", onclick: () => { close(); choose(); } }, h("span", { class: "tool" }, icon("send")), "转发给朋友"),
    h("button", { type: "button", onclick: () => { close(); frame.src = "/sim/webview/" + encodeURIComponent(owner.screen.id) + "?url=" + encodeURIComponent(page.url); } }, h("span", { class: "tool" }, icon("scan")), "刷新")));
}

// choose asks whom the page goes to.
function choose() {
  const list = h("ul", { class: "pick" });
  const find = async (q) => {
    let people = [];
    try { people = await ask("/sim/people?q=" + encodeURIComponent(q)); } catch (e) { owner.toast(e.message); }
    const met = new Set(owner.screen.threads.map((t) => t.id)); // whom one talked to comes first
    people.sort((a, b) => met.has(b.id) - met.has(a.id));
    list.replaceChildren(...people.filter((p) => p.id !== owner.screen.id).slice(0, 60).map((p) => h("li", null,
      h("button", { type: "button", onclick: () => send(p) }, face(p.name, "friend"), h("span", null, h("b", null, p.name), h("small", null, p.staff ? p.about : p.about || "微信好友"))))));
    if (!list.children.length) list.append(h("li", { class: "empty" }, "没有找到"));
  };
  const close = owner.sheet("转发给", h("input", { type: "search", placeholder: "搜索", "aria-label": "搜索朋友", oninput: (e) => find(e.target.value) }), list);
  const send = async (to) => {
    const s = page.share || {};
    try {
      await ask("/sim/forward", { from: owner.screen.id, to: to.id, url: s.link || page.url, title: s.title || page.title, description: s.desc || page.about || "", image: s.image || "" });
      close();
      owner.toast("已转发给 " + to.name);
    } catch (e) { owner.toast(e.message); }
  };
  find("");
}
