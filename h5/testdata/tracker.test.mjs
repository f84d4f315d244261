// Runs ../t.js as a browser would, with a clock, a network and a page made by hand.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';

const source = readFileSync(join(dirname(fileURLToPath(import.meta.url)), '..', 't.js'), 'utf8');
const settled = async () => { for (let i = 0; i < 20; i++) await Promise.resolve(); };

function browser({ search = '', storage = new Map(), now = 1_795_312_800_000, referrer = 'https://www.baidu.com/' } = {}) {
  const b = { sent: [], beacons: [], storage, now, status: 204, online: true, timers: [], ticks: [], on: {}, address: '/p/white-paper' + search, scrollTop: 0 };
  const listen = (name, f) => { (b.on[name] ||= []).push(f); };
  const location = { pathname: '/p/white-paper', search, hash: '#top', get href() { return 'https://koi.example.com' + b.address; } };
  const document = {
    currentScript: { src: 'https://koi.example.com/t.js', dataset: { page: 'white-paper', kind: 'price' } }, referrer, visibilityState: 'visible',
    addEventListener: listen, querySelector: () => null, documentElement: { scrollHeight: 2000, clientHeight: 1000, get scrollTop() { return b.scrollTop; } },
  };
  const answer = (status, body) => Promise.resolve({ status, ok: status < 300, json: () => Promise.resolve(body) });
  const window = {
    document, location, addEventListener: listen, get pageYOffset() { return b.scrollTop; },
    localStorage: { getItem: (k) => storage.get(k) ?? null, setItem: (k, v) => storage.set(k, v) },
    crypto: { getRandomValues: (a) => { for (let i = 0; i < a.length; i++) a[i] = Math.random() * 256; return a; } },
    history: { state: null, replaceState: (_s, _t, url) => { b.address = url; } },
    navigator: { get onLine() { return b.online; }, sendBeacon: (url, blob) => { if (b.refuse) return false; b.beacons.push([url, JSON.parse(blob.text)]); return true; } },
    Blob: class { constructor(parts, o) { this.text = parts.join(''); this.type = o.type; } },
    fetch: (url, o) => {
      if (url.includes('/t/share')) { b.asked = url; return answer(200, { token: 's_' + 'o'.repeat(22) }); }
      if (b.status === 0) return Promise.reject(new Error('away'));
      const list = JSON.parse(o.body);
      if (b.status === 204) b.sent.push(...list);
      b.last = o;
      return answer(b.status);
    },
    setTimeout: (f, ms) => { b.timers.push({ f, at: b.now + ms }); return b.timers.length; }, clearTimeout: (id) => { b.timers[id - 1].f = null; },
    setInterval: (f) => { b.ticks.push(f); },
  };
  b.seconds = async (n) => {
    for (let i = 0; i < n; i++) {
      b.now += 1000;
      b.ticks.forEach((f) => f());
      for (const t of b.timers) if (t.f && t.at <= b.now) { const f = t.f; t.f = null; f(); }
      await settled();
    }
  };
  b.fire = (name, ev = {}) => (b.on[name] || []).forEach((f) => f(ev));
  b.document = document;
  b.types = () => b.sent.map((e) => e.type);
  b.start = async () => {
    vm.runInNewContext(source, { window, document, Date: class extends Date { static now() { return b.now; } }, Uint8Array, Math, JSON, encodeURIComponent, decodeURIComponent, Array });
    await settled();
    b.koi = window.koi;
    return b;
  };
  return b;
}

const came = 's_' + 'x'.repeat(22);
{ // a view, and the address becomes the viewer's own
  const b = await browser({ search: '?a=1&_s=' + came + '&b=2' }).start();
  assert.deepEqual(b.types(), ['page.viewed']);
  const [e] = b.sent;
  assert.match(e.visitor, /^v_[0-9a-f]{32}$/);
  assert.equal(e.page, 'white-paper');
  assert.equal(e.share, came);
  assert.equal(e.ref, 'https://www.baidu.com/');
  assert.equal(e.props.kind, 'price');
  assert.equal(e.sent_at, b.now);
  assert.equal(b.last.credentials, 'omit');
  assert.equal(b.last.headers['Content-Type'], 'text/plain');
  assert.equal(b.address, '/p/white-paper?a=1&b=2&_s=s_' + 'o'.repeat(22) + '#top');
  assert.ok(b.asked.includes('page=white-paper') && b.asked.includes(e.visitor) && b.asked.includes(came));
  assert.equal(b.koi.token, 's_' + 'o'.repeat(22));
  // what comes later on this page still tells how the visitor came
  b.koi.track('custom.played', { level: 2 });
  await b.seconds(2);
  assert.equal(b.sent[1].share, came);
  assert.equal(b.sent[1].type, 'custom.played');
  // the same visitor next time
  const again = await browser({ storage: b.storage }).start();
  assert.equal(again.sent[0].visitor, e.visitor);
  assert.equal(again.sent[0].share, undefined);
  assert.equal(again.address, '/p/white-paper?_s=s_' + 'o'.repeat(22) + '#top');
}
{ // active dwell: only while somebody is there
  const b = await browser().start();
  await b.seconds(16);
  assert.deepEqual(b.sent.filter((e) => e.type === 'page.dwelled').map((e) => e.props.seconds), [15]);
  await b.seconds(60); // nothing moves: 30 s after the last touch it stops counting
  const idle = b.sent.filter((e) => e.type === 'page.dwelled').at(-1).props.seconds;
  assert.ok(idle <= 30, String(idle));
  b.fire('pointerdown');
  await b.seconds(20);
  assert.ok(b.sent.filter((e) => e.type === 'page.dwelled').at(-1).props.seconds > idle);
  b.document.visibilityState = 'hidden';
  b.fire('visibilitychange');
  const total = b.beacons.flatMap(([, l]) => l).find((e) => e.type === 'page.dwelled').props.seconds;
  await b.seconds(40);
  b.document.visibilityState = 'visible';
  b.fire('pagehide');
  assert.equal(b.beacons.flatMap(([, l]) => l).filter((e) => e.type === 'page.dwelled').at(-1).props.seconds, total);
}
{ // scroll depth and marked clicks
  const b = await browser().start();
  b.scrollTop = 600;
  b.fire('scroll');
  const mark = (name, value) => ({ target: { closest: () => ({ hasAttribute: (n) => n === name, getAttribute: (n) => (n === name ? value : null) }) } });
  b.fire('click', mark('data-koi', '预约演示'));
  b.fire('click', mark('data-koi-contact', '王磊'));
  b.fire('click', mark('data-koi-file', 'price.pdf'));
  b.fire('click', { target: { closest: () => null } });
  await b.seconds(2);
  assert.deepEqual(b.types(), ['page.viewed', 'page.scrolled', 'page.clicked', 'page.contact_tapped', 'file.downloaded']);
  assert.equal(b.sent[1].props.percent, 60);
  assert.equal(b.sent[2].props.label, '预约演示');
}
{ // a server that is away: kept, and told once it is back, with the time it happened
  const b = browser();
  b.status = 0;
  await b.start();
  b.koi.track('custom.kept');
  await b.seconds(3);
  assert.equal(b.sent.length, 0);
  assert.equal(JSON.parse(b.storage.get('koi_q')).length, 2);
  const at = JSON.parse(b.storage.get('koi_q'))[1].at;
  b.status = 204;
  await b.seconds(30);
  const kept = b.sent.filter((e) => e.type === 'custom.kept');
  assert.equal(kept.length, 1);
  assert.equal(kept[0].at, at);
  assert.ok(kept[0].sent_at > at + 5000);
  assert.equal(JSON.parse(b.storage.get('koi_q')).length, 0);
  // 429 and 503 are tried again, 400 is given up
  b.status = 503;
  b.koi.track('custom.later');
  await b.seconds(2);
  b.status = 204;
  await b.seconds(60);
  assert.equal(b.sent.filter((e) => e.type === 'custom.later').length, 1);
  b.status = 400;
  b.koi.track('custom.bad');
  await b.seconds(2);
  assert.equal(JSON.parse(b.storage.get('koi_q')).length, 0);
}
{ // offline: the next visit sends it; what is older than three days is dropped
  const storage = new Map();
  const b = browser({ storage });
  b.online = false;
  await b.start();
  b.koi.track('custom.offline');
  b.refuse = true;
  b.fire('pagehide');
  assert.equal(b.sent.length + b.beacons.length, 0);
  const next = await browser({ storage, now: b.now + 3600_000 }).start();
  await next.seconds(2);
  assert.ok(next.types().includes('custom.offline'));
  const much = browser({ storage: new Map([['koi_q', JSON.stringify([{ id: 'x', type: 'custom.old', at: 1 }])]]) });
  await much.start();
  await much.seconds(2);
  assert.ok(!much.types().includes('custom.old'));
}
{ // the page goes away: one beacon carries the rest
  const b = await browser().start();
  b.koi.track('custom.last');
  b.fire('pagehide');
  assert.equal(b.beacons[0][0], 'https://koi.example.com/t');
  assert.ok(b.beacons[0][1].some((e) => e.type === 'custom.last' && e.sent_at === b.now));
}
{ // no storage at all
  const b = browser();
  b.storage.set = () => { throw new Error('full'); };
  await b.start();
  b.koi.track('custom.nostore');
  await b.seconds(2);
  assert.deepEqual(b.types(), ['page.viewed', 'custom.nostore']);
}
console.log('tracker: all well');
