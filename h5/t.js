/* Koi tracker. <script src="https://koi.example.com/t.js" data-page="white-paper" data-kind="price" defer></script>
   Tells what a visitor does on a page: view, active dwell, scroll, marked clicks (data-koi="label"). No cookies, no names. */
(function (w, d) {
  'use strict';
  if (w.koi && w.koi.track) return;
  var el = d.currentScript || d.querySelector('script[src*="/t.js"]');
  var base = el && el.src ? el.src.replace(/\/t\.js.*$/, '') : '';
  var data = (el && el.dataset) || {};
  var page = data.page || w.location.pathname;
  var QUEUE = 'koi_q', WHO = 'koi_v', KEEP = 72 * 3600e3, MOST = 200;

  function read(k) { try { return w.localStorage.getItem(k); } catch (e) { return null; } }
  function write(k, v) { try { w.localStorage.setItem(k, v); return true; } catch (e) { return false; } }
  function random(n) {
    var a = new Uint8Array(n), s = '', i;
    if (w.crypto && w.crypto.getRandomValues) w.crypto.getRandomValues(a);
    else for (i = 0; i < n; i++) a[i] = Math.random() * 256;
    for (i = 0; i < n; i++) s += ('0' + a[i].toString(16)).slice(-2);
    return s;
  }

  /* Pages of ours say who this is (their cookie outlives storage) and the token they came by. */
  var who = data.visitor || read(WHO);
  if (data.visitor) write(WHO, who);
  if (!/^v_[\w-]{6,64}$/.test(who || '')) { who = 'v_' + random(16); write(WHO, who); }

  /* The token this visitor came by; the address is given their own below, so that what they pass on is theirs. */
  var token = /[?&]_s=([^&#]*)/.exec(w.location.search);
  token = 'share' in data ? data.share : token ? decodeURIComponent(token[1]) : '';

  /* What waits to be sent lies in localStorage at once, so that neither a crash nor a lost line takes it;
     in memory where there is no storage. */
  var memory = null;
  function waiting() {
    if (memory) return memory;
    var q = [];
    try { q = JSON.parse(read(QUEUE) || '[]'); } catch (e) { q = []; }
    return Array.isArray(q) ? q : [];
  }
  function keep(list) {
    var now = Date.now();
    list = list.filter(function (e) { return e && now - e.at < KEEP && e.at <= now + 60e3; }).slice(-MOST);
    memory = write(QUEUE, JSON.stringify(list)) ? null : list;
  }

  function track(type, props) {
    var e = { id: random(10), type: type, page: page, at: Date.now(), visitor: who, url: w.location.href.slice(0, 1000), props: props || {} };
    if (data.kind) e.props.kind = data.kind;
    if (token) e.share = token;
    if (d.referrer) e.ref = d.referrer.slice(0, 500);
    keep(waiting().concat([e]));
    if (!timer) timer = w.setTimeout(flush, 1000);
    return e.id;
  }

  var timer = 0, busy = false;
  /* What waits goes out oldest first. What is not taken stays in localStorage until the next try. */
  function flush(last) {
    if (timer) { w.clearTimeout(timer); timer = 0; }
    var all = waiting();
    if (!all.length) return;
    if (last === true) { leave(all); return; }
    if (busy || w.navigator.onLine === false) return;
    busy = true;
    var part = all.slice(0, 40), ids = {}, i;
    for (i = 0; i < part.length; i++) ids[part[i].id] = 1;
    w.fetch(base + '/t', { method: 'POST', body: body(part), headers: { 'Content-Type': 'text/plain' }, keepalive: part.length < 20, credentials: 'omit', mode: 'cors' })
      .then(function (r) {
        busy = false;
        if (r.status >= 500 || r.status === 429) { retry(); return; }
        done(ids);
        wait = 5000;
        if (waiting().length) flush();
      }, function () { busy = false; retry(); });
  }
  function done(ids) {
    keep(waiting().filter(function (e) { return !ids[e.id]; }));
  }
  var wait = 5000;
  function retry() { wait = Math.min(wait * 2, 300e3); if (!timer) timer = w.setTimeout(flush, wait); }
  function body(list) {
    var now = Date.now();
    return JSON.stringify(list.map(function (e) {
      var c = {}, k;
      for (k in e) c[k] = e[k];
      c.sent_at = now;
      return c;
    }));
  }
  /* The page goes away: a beacon outlives it. Repeats are counted once by their ids, so what may be on its way is sent again. */
  function leave(all) {
    var ids = {}, part, i, ok = !!w.navigator.sendBeacon;
    while (ok && all.length) {
      part = all.slice(0, 40);
      ok = w.navigator.sendBeacon(base + '/t', new w.Blob([body(part)], { type: 'text/plain' }));
      if (ok) { for (i = 0; i < part.length; i++) ids[part[i].id] = 1; all = all.slice(40); }
    }
    keep(all);
  }

  /* Active seconds: the page is in front and something moved in the last 30 s. */
  var active = 0, told = 0, touched = Date.now(), deepest = 0, toldDeep = 0;
  function touch() { touched = Date.now(); }
  ['pointerdown', 'pointermove', 'keydown', 'scroll', 'touchstart'].forEach(function (n) { d.addEventListener(n, touch, { passive: true, capture: true }); });
  w.setInterval(function () {
    if (d.visibilityState !== 'hidden' && Date.now() - touched < 30e3) active++;
    if (active - told >= 15 && (active % 15 === 0)) dwell();
  }, 1000);
  function dwell() { if (active > told) { told = active; track('page.dwelled', { seconds: active }); } }
  function depth() {
    var h = d.documentElement, all = Math.max(h.scrollHeight - h.clientHeight, 0);
    deepest = Math.max(deepest, all ? Math.min(100, Math.round(100 * (w.pageYOffset || h.scrollTop || 0) / all)) : 100);
  }
  function scrolled() { if (deepest > toldDeep) { toldDeep = deepest; track('page.scrolled', { percent: deepest }); } }
  d.addEventListener('scroll', function () { depth(); if (deepest - toldDeep >= 25) scrolled(); }, { passive: true });
  d.addEventListener('click', function (ev) {
    var t = ev.target && ev.target.closest ? ev.target.closest('[data-koi],[data-koi-contact],[data-koi-file]') : null;
    if (!t) return;
    if (t.hasAttribute('data-koi-contact')) track('page.contact_tapped', { label: t.getAttribute('data-koi-contact') || '' });
    else if (t.hasAttribute('data-koi-file')) track('file.downloaded', { file: t.getAttribute('data-koi-file') || '' });
    else track('page.clicked', { label: t.getAttribute('data-koi') || '' });
  }, true);
  var begun = {};
  d.addEventListener('input', function (ev) {
    var f = ev.target && ev.target.closest ? ev.target.closest('form[data-koi-form]') : null, k = f && f.getAttribute('data-koi-form');
    if (k && !begun[k]) { begun[k] = 1; track('form.started', { form: k }); }
  }, true);
  function gone() { depth(); scrolled(); dwell(); flush(true); }
  d.addEventListener('visibilitychange', function () { if (d.visibilityState === 'hidden') gone(); });
  w.addEventListener('pagehide', gone);
  w.addEventListener('online', function () { wait = 5000; flush(); });

  /* The viewer's own token takes the place of the one they came by. */
  function own() {
    if (data.token) { take(data); return; }
    if (!w.fetch) return;
    w.fetch(base + '/t/share?page=' + encodeURIComponent(page) + '&visitor=' + encodeURIComponent(who) + (token ? '&s=' + encodeURIComponent(token) : ''), { credentials: 'omit' })
      .then(function (r) { return r.ok ? r.json() : null; })
      .then(take, function () {});
  }
  function take(a) {
    if (!a || !/^s_[\w-]{22}$/.test(a.token || '')) return;
    koi.token = a.token;
    var l = w.location, q = l.search.slice(1).split('&').filter(function (x) { return x && !/^(_s|_done)=/.test(x); });
    q.push('_s=' + a.token);
    if (w.history && w.history.replaceState) w.history.replaceState(w.history.state, '', l.pathname + '?' + q.join('&') + l.hash);
    if (koi.ontoken) koi.ontoken(a.token);
  }

  var koi = w.koi = { track: track, flush: flush, visitor: who, page: page, came: token, token: '' };
  function start() { track('page.viewed'); own(); flush(); }
  if (d.prerendering) d.addEventListener('prerenderingchange', start, { once: true });
  else start();
})(window, document);
