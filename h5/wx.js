/* Koi: the share card inside WeChat. Loads Tencent's JS-SDK after the page, has our address signed, and says that a card is set. */
(function (w, d) {
  'use strict';
  var el = d.currentScript, data = el.dataset;
  if (!/MicroMessenger/i.test(w.navigator.userAgent) || !w.fetch) return;
  function link() {
    var k = w.koi && w.koi.token, q = w.location.search.replace(/([?&])(_s|_done|code|state)=[^&]*/g, '$1').replace(/&+/g, '&').replace(/^\?&|[?&]$/g, function (m) { return m.length > 1 ? '?' : ''; });
    return w.location.origin + w.location.pathname + (k ? (q.length > 1 ? q + '&' : '?') + '_s=' + k : q);
  }
  function card() {
    var c = { title: data.title, desc: data.description, link: link(), imgUrl: data.image, success: function () {} };
    w.wx.updateAppMessageShareData(c);
    w.wx.updateTimelineShareData({ title: data.title, link: c.link, imgUrl: data.image, success: function () {} });
  }
  function set() {
    card();
    if (w.koi) { w.koi.ontoken = card; w.koi.track('page.share_prepared'); }
  }
  function sign() {
    var here = w.location.href.split('#')[0];
    w.fetch('/p/jssdk?app=' + encodeURIComponent(data.app) + '&url=' + encodeURIComponent(here)).then(function (r) { return r.ok ? r.json() : null; }).then(function (a) {
      if (!a) return;
      w.wx.ready(set);
      w.wx.config({ debug: false, appId: a.appId, timestamp: a.timestamp, nonceStr: a.nonceStr, signature: a.signature, jsApiList: ['updateAppMessageShareData', 'updateTimelineShareData'] });
    }, function () {});
  }
  w.addEventListener('load', function () {
    if (w.wx) { w.wx.ready(set); return; } /* a browser that brings its own needs no signature */
    var s = d.createElement('script');
    s.src = 'https://res.wx.qq.com/open/js/jweixin-1.6.0.js';
    s.onload = sign;
    d.head.appendChild(s);
  });
})(window, document);
