// The page is the server's HTML; this keeps it fresh without losing what is being typed.
"use strict";
const byId = (id) => document.getElementById(id);
const trouble = byId("trouble");

function complain(text) {
  trouble.textContent = text;
  trouble.hidden = !text;
}

function toEnd(screen) { screen.scrollTop = screen.scrollHeight; }

async function act(body) {
  try {
    const r = await fetch("/sim/act", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const answer = await r.json();
    complain(r.ok ? "" : answer.error);
    return r.ok;
  } catch {
    complain("模拟器没有回应，请看看它是否还在运行");
    return false;
  }
}

document.addEventListener("submit", async (e) => {
  const form = e.target;
  if (!form.classList.contains("act")) return;
  e.preventDefault();
  const data = new FormData(form, e.submitter);
  const button = e.submitter || form.querySelector("button");
  button.disabled = true;
  const done = await act({ who: data.get("who"), app: data.get("app") || "", do: data.get("do"), with: data.get("with") || "", async: true });
  button.disabled = false;
  const box = form.querySelector("input[name=with]:not([type=hidden])");
  if (done && box && form.classList.contains("say")) { box.value = ""; box.focus(); }
});

document.addEventListener("click", (e) => {
  const a = e.target.closest("a[data-do]");
  if (a) act({ who: a.dataset.who, app: a.dataset.app, do: a.dataset.do, with: a.dataset.with, async: true });
});

function renew(phone, fresh) {
  if (phone.dataset.rev === fresh.dataset.rev) return;
  for (const part of [".bar", ".screen"]) phone.querySelector(part).replaceWith(fresh.querySelector(part));
  const talk = phone.querySelectorAll(".say, .menu");
  fresh.querySelectorAll(".say, .menu").forEach((f, i) => { if (talk[i]) talk[i].hidden = f.hidden; });
  const add = phone.querySelector(".add"), freshAdd = fresh.querySelector(".add");
  if (add && freshAdd) { freshAdd.open = add.open; add.replaceWith(freshAdd); }
  phone.dataset.rev = fresh.dataset.rev;
  toEnd(phone.querySelector(".screen"));
}

let busy = false, again = false;
async function refresh() {
  if (busy) { again = true; return; }
  busy = true;
  try {
    const r = await fetch(location.href, { headers: { Accept: "text/html" } });
    const doc = new DOMParser().parseFromString(await r.text(), "text/html");
    for (const id of ["totals", "people", "staff", "news"]) byId(id).replaceWith(document.importNode(doc.getElementById(id), true));
    const room = byId("phones"), wanted = [...doc.querySelectorAll(".phone")];
    for (const phone of room.querySelectorAll(".phone")) {
      if (!wanted.some((w) => w.id === phone.id) && !phone.contains(document.activeElement)) phone.remove();
    }
    room.querySelectorAll(":scope > .none").forEach((n) => { if (wanted.length) n.remove(); });
    for (const fresh of wanted) {
      const phone = byId(fresh.id);
      if (phone) renew(phone, document.importNode(fresh, true));
      else { room.append(document.importNode(fresh, true)); toEnd(room.lastElementChild.querySelector(".screen")); }
    }
  } catch { /* the stream reconnects by itself, and brings the next refresh */ }
  busy = false;
  if (again) { again = false; refresh(); }
}

document.querySelectorAll(".screen").forEach(toEnd);
let first = true;
new EventSource("/sim/live").onmessage = () => { if (first) first = false; else refresh(); };
setInterval(refresh, 5000);
