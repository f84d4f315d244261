package wechat

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/fault"
)

// authorizeBase is where a browser inside WeChat is sent for 网页授权.
const authorizeBase = "https://open.weixin.qq.com"

// AuthorizeURL is where a browser is sent so that WeChat says silently who its user is (网页授权,
// snsapi_base). The platform wants the parameters in this order. Where channels.wechat.base_url is not
// the platform's own, who plays the platform plays this, too.
func (t *Transport) AuthorizeURL(appID, redirect, state string) string {
	base := authorizeBase
	if u := t.bases[officialHost]; u.Host != officialHost {
		base = u.String()
	}
	return base + "/connect/oauth2/authorize?appid=" + url.QueryEscape(appID) + "&redirect_uri=" + url.QueryEscape(redirect) +
		"&response_type=code&scope=snsapi_base&state=" + url.QueryEscape(state) + "#wechat_redirect"
}

// WebUser is who a code of 网页授权 stands for.
type WebUser struct {
	OpenID   string
	UnionID  string // only when the account is bound to an open platform account
	Snapshot bool   // 快照页: a virtual account that is nobody
}

// ExchangeCode asks whom a code of 网页授权 stands for (sns/oauth2/access_token). A code is good once, for
// five minutes. Fault: Denied for a code that is spent or an account without the capability, Unavailable
// when nobody answers.
func (t *Transport) ExchangeCode(ctx context.Context, c account.Credential, code string) (WebUser, error) {
	req, err := newRequest(ctx, http.MethodGet, c.Kind, "/sns/oauth2/access_token",
		url.Values{"appid": {c.App}, "secret": {c.Secret}, "code": {code}, "grant_type": {"authorization_code"}})
	if err != nil {
		return WebUser{}, err
	}
	r := t.exchange(ctx, c.Kind, c.Account, req, nil, c.Secret, code)
	if r.err != nil {
		return WebUser{}, fault.Wrap(r.err, fault.Unavailable, "没有连上微信，这次没有识别出访客")
	}
	if r.status != http.StatusOK || !r.json || r.code != 0 {
		return WebUser{}, fault.New(fault.Denied, "微信没有认可网页授权的 code：%s（错误码 %d）", r.meaning(c.Kind).What, r.code)
	}
	var got struct {
		OpenID   string `json:"openid"`
		UnionID  string `json:"unionid"`
		Snapshot int    `json:"is_snapshotuser"`
	}
	if err := json.Unmarshal(r.body, &got); err != nil || got.OpenID == "" {
		return WebUser{}, fmt.Errorf("web authorization of %s: the answer names nobody", c.Account)
	}
	return WebUser{OpenID: got.OpenID, UnionID: got.UnionID, Snapshot: got.Snapshot == 1}, nil
}
