// How messages look: bubbles and cards. ctx says what a tap does: link(url, title), act(act), mini(appID), staff.
import { h, icon, face, when } from "./ui.js";

function words(parts, ctx) {
  return (parts || []).map((p) => p.href
    ? h("button", { type: "button", class: "link", onclick: () => ctx.link(p.href, p.text) }, p.text)
    : p.text);
}

function paragraphs(list, ctx) {
  return (list || []).map((p) => h("p", { class: p.class }, words(p.parts, ctx)));
}

// opening makes a card lead somewhere; a card that leads nowhere is none to tap.
function opening(card, ctx) {
  if (card.url) return () => ctx.link(card.url, card.title);
  if (card.mini) return () => ctx.mini(card.mini, card.foot);
  return null;
}

function share(card, ctx) {
  return h("button", { type: "button", class: "card share", onclick: opening(card, ctx), "aria-label": "打开 " + card.title },
    h("strong", null, card.title),
    h("span", { class: "desc" }, h("span", null, paragraphs(card.body, ctx)), h("span", { class: "thumb" }, icon("page"))));
}

// tile is the card of a mini program.
function tile(card, ctx) {
  return h("button", { type: "button", class: "card tile", onclick: opening(card, ctx), disabled: !opening(card, ctx) },
    h("span", { class: "source" }, icon("mini"), card.foot || card.source), h("strong", null, card.title), h("span", { class: "picture" }, icon("mini")),
    h("span", { class: "origin" }, icon("mini"), "小程序"));
}

// notice is a template message, a notice or a subscribe message.
function notice(card, ctx) {
  const open = opening(card, ctx);
  return h("div", { class: "card notice" },
    h("strong", null, card.title),
    paragraphs(card.body, ctx),
    (card.rows || []).length > 0 && h("dl", null, card.rows.map((r) => [h("dt", null, r.label), h("dd", null, r.value)])),
    open && h("button", { type: "button", class: "go", onclick: open }, card.mini ? card.foot : card.button || "查看详情", icon("next")));
}

function news(card, ctx) {
  return h("div", { class: "card news" }, card.links.map((l) =>
    h("button", { type: "button", onclick: l.href ? () => ctx.link(l.href, l.text) : null, disabled: !l.href }, h("span", null, l.text), h("span", { class: "thumb" }, icon("page")))));
}

// office is a card in WeCom: textcard and template_card.
function office(card, ctx) {
  const open = opening(card, ctx);
  return h("div", { class: "card office" },
    card.source && h("p", { class: "source" }, icon("app"), card.source),
    card.title && h("strong", null, card.title),
    card.sub && h("p", { class: "gray" }, card.sub),
    card.emphasis && h("p", { class: "emphasis" }, h("b", null, card.emphasis), card.about && h("small", null, card.about)),
    card.quote && h("blockquote", null, card.quote),
    paragraphs(card.body, ctx),
    (card.rows || []).length > 0 && h("dl", null, card.rows.map((r) => [h("dt", null, r.label), h("dd", null, r.value)])),
    (card.links || []).map((l) => h("button", { type: "button", class: "go", onclick: l.href ? () => ctx.link(l.href, l.text) : null, disabled: !l.href }, l.text, icon("next"))),
    open && h("button", { type: "button", class: "go", onclick: open }, card.button || "详情", icon("next")),
    card.done && h("p", { class: "done" }, card.done),
    (card.buttons || []).length > 0 && h("div", { class: "buttons" }, card.buttons.map((b) =>
      h("button", { type: "button", onclick: () => ctx.act({ do: "tap_card", with: b.with }) }, b.text))));
}

function choices(line, ctx) {
  const c = line.card;
  return h("div", { class: "bubble" }, paragraphs(c.body, ctx),
    c.choices.map((x) => h("button", { type: "button", class: "link choice", onclick: () => ctx.act({ do: "choose", app: line.app, with: x.with }) }, x.text)),
    c.foot && h("p", null, c.foot));
}

function card(line, c, ctx) {
  if (line.kind === "msgmenu") return choices(line, ctx);
  if (line.kind === "share" || line.kind === "link" || line.kind === "welcome" && c.url) return share(c, ctx);
  if (c.source === "小程序") return tile(c, ctx);
  if (line.kind === "news" && !ctx.staff) return news(c, ctx);
  if (["template", "notice", "once", "subscribe"].includes(line.kind)) return notice(c, ctx);
  if (line.kind === "welcome") return h("div", { class: "bubble" }, c.title);
  return office(c, ctx);
}

// wide cards take the whole width and have no picture beside them.
const wide = (line) => line.card && ["template", "notice", "once", "subscribe"].includes(line.kind) || line.kind === "news" && line.card;

function row(line, name, kind, ctx, inner) {
  return h("div", { class: "line " + line.side, "data-kind": line.kind },
    line.side === "theirs" && face(name, kind), h("div", { class: "said" }, inner), line.side === "mine" && face(ctx.me, "friend"));
}

// drawLines draws a conversation; now is the phone's time.
export function drawLines(thread, now, ctx) {
  const out = [];
  let last = 0;
  for (const line of thread.lines) {
    if (line.at - last > 5 * 60e3 || line.at < last) {
      out.push(h("p", { class: "when" }, when(line.at, now)));
      last = line.at;
    }
    if (line.side === "note") {
      out.push(h("p", { class: "note" }, paragraphs(line.body, ctx)));
      continue;
    }
    if (wide(line)) {
      out.push(h("div", { class: "line wide", "data-kind": line.kind }, thread.kind === "notices" && h("p", { class: "from" }, face(line.from || "", "mini"), line.from), card(line, line.card, ctx)));
      continue;
    }
    const name = thread.name, kind = thread.kind;
    if ((line.body || []).length && !line.card) out.push(row(line, name, kind, ctx, h("div", { class: "bubble" }, paragraphs(line.body, ctx))));
    if (line.card) out.push(row(line, name, kind, ctx, card(line, line.card, ctx)));
    for (const c of line.more || []) out.push(row(line, name, kind, ctx, card(line, c, ctx)));
  }
  return out;
}

// brief is a line as lists and banners show it.
export function brief(line) {
  if (!line) return "";
  const head = { template: "[模板消息] ", notice: "[订阅通知] ", subscribe: "[订阅消息] ", once: "[通知] ", share: "[链接] ", link: "[链接] ", news: "[图文] ", template_card: "", textcard: "" }[line.kind] || "";
  const title = line.card && line.card.title ? line.card.title : "";
  const text = title && head ? title : line.text || title || (line.body || []).map((p) => (p.parts || []).map((x) => x.text).join("")).join(" ") || ((line.more || [])[0] || {}).title || "";
  return (head + text).replace(/<[^>]*>/g, "").slice(0, 80);
}
