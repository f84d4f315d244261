// Loaded before every page of a phone's webview. It tells the phone around it what is shown, goes back when
// asked to, and stands in for WeChat's JS-SDK: what a page gives updateAppMessageShareData is what
// "转发给朋友" passes on.
(() => {
  "use strict";
  const agent = "{{agent}}";
  try { Object.defineProperty(navigator, "userAgent", { get: () => agent, configurable: true }); } catch { /* the server's word is enough */ }

  let share = null;
  function tell() {
    const back = window.navigation ? window.navigation.canGoBack : history.length > 1;
    const about = document.querySelector('meta[name="description"],meta[property="og:description"]');
    window.parent.postMessage({ koiPhone: "page", title: document.title, about: about ? about.content : "", url: location.href, back, share }, "*");
  }
  for (const name of ["pushState", "replaceState"]) {
    const real = history[name].bind(history);
    history[name] = (...args) => { real(...args); setTimeout(tell); };
  }
  for (const name of ["popstate", "hashchange", "DOMContentLoaded", "load", "pageshow"]) window.addEventListener(name, tell);
  let last = "";
  setInterval(() => {
    const now = document.title + " " + location.href;
    if (now !== last) { last = now; tell(); }
  }, 400);
  window.addEventListener("message", (e) => {
    if (e.source === window.parent && e.data && e.data.koiPhone === "back") history.back();
  });

  const done = (o, more) => {
    const answer = { errMsg: "ok", ...more };
    setTimeout(() => { if (o && o.success) o.success(answer); if (o && o.complete) o.complete(answer); });
  };
  const shared = (o) => {
    share = { title: String(o.title || ""), desc: String(o.desc || ""), link: String(o.link || ""), image: String(o.imgUrl || "") };
    tell();
    done(o);
  };
  const wx = {
    config() {}, agentConfig: done, error() {},
    ready(f) { setTimeout(f); },
    checkJsApi(o) { done(o, { checkResult: Object.fromEntries((o.jsApiList || []).map((n) => [n, true])) }); },
    updateAppMessageShareData: shared, onMenuShareAppMessage: shared,
    updateTimelineShareData: done, onMenuShareTimeline: done, hideMenuItems: done, showMenuItems: done,
    hideOptionMenu() {}, showOptionMenu() {}, closeWindow() { window.parent.postMessage({ koiPhone: "close" }, "*"); },
    invoke(_name, o, f) { if (f) setTimeout(() => f({ err_msg: "ok" })); else done(o); },
  };
  window.wx = window.jWeixin = wx;
  // Pages load the real SDK from Tencent; here it is there already.
  const append = Node.prototype.appendChild;
  Node.prototype.appendChild = function (e) {
    if (e instanceof HTMLScriptElement && /^https?:\/\/res2?\.wx\.qq\.com\/open\/js\/jweixin/.test(e.src)) {
      setTimeout(() => e.dispatchEvent(new Event("load")));
      return e;
    }
    return append.call(this, e);
  };
  window.__wxjs_environment = "browser";
})();
