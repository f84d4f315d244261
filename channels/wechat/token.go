package wechat

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/outbox"
)

// TokenSource fetches access tokens: stable_token for official accounts, gettoken for WeCom. The SDKs'
// own fetching is not used: it has no single flight, no time limit, and puts the secret into errors.
type TokenSource struct {
	transport *Transport
}

// NewTokenSource makes a source over a transport.
func NewTokenSource(t *Transport) *TokenSource { return &TokenSource{transport: t} }

// Fetch implements account.Source.
func (s *TokenSource) Fetch(ctx context.Context, c account.Credential, refused string) (account.Grant, error) {
	if c.Kind == account.KindWeCom {
		// The same token until it runs out; there is no way to make it issue another (path/91039).
		return s.ask(ctx, c, http.MethodGet, "/cgi-bin/gettoken", url.Values{"corpid": {c.App}, "corpsecret": {c.Secret}}, nil)
	}
	g, err := s.stable(ctx, c, ordinary)
	if err == nil && g.Token == refused {
		// Only now: force_refresh may be used 20 times a day (api_getstableaccesstoken).
		return s.stable(ctx, c, forced)
	}
	return g, err
}

// mode is how stable_token is called.
type mode string

const (
	ordinary mode = "ordinary" // 普通模式: the present token, or a new one shortly before its end
	forced   mode = "forced"   // 强制刷新: always a new one
)

func (s *TokenSource) stable(ctx context.Context, c account.Credential, m mode) (account.Grant, error) {
	body, err := json.Marshal(map[string]any{"grant_type": "client_credential", "appid": c.App, "secret": c.Secret, "force_refresh": m == forced})
	if err != nil {
		return account.Grant{}, fmt.Errorf("encode token request: %w", err)
	}
	return s.ask(ctx, c, http.MethodPost, "/cgi-bin/stable_token", nil, body)
}

func (s *TokenSource) ask(ctx context.Context, c account.Credential, method, path string, query url.Values, body []byte) (account.Grant, error) {
	r, err := s.call(ctx, c, method, path, query, body)
	if err != nil {
		return account.Grant{}, err
	}
	var got struct {
		Token string `json:"access_token"`
		Life  int64  `json:"expires_in"`
	}
	if err := json.Unmarshal(r.body, &got); err != nil || got.Token == "" {
		return account.Grant{}, &account.Refusal{Wait: time.Minute, Reason: "平台没有给出 access_token：请检查 base_url 是否正确"}
	}
	if got.Life <= 0 {
		got.Life = 7200
	}
	return account.Grant{Token: got.Token, Life: time.Duration(got.Life) * time.Second, Skew: r.skew}, nil
}

// Probe implements account.Source: both platforms list their callback servers to any valid token, and
// refuse it from an IP address they do not trust.
func (s *TokenSource) Probe(ctx context.Context, c account.Credential, token string) (time.Duration, error) {
	r, err := s.call(ctx, c, http.MethodGet, "/cgi-bin/getcallbackip", url.Values{"access_token": {token}}, nil)
	if err != nil {
		return 0, err
	}
	return r.skew, nil
}

func (s *TokenSource) call(ctx context.Context, c account.Credential, method, path string, query url.Values, body []byte) (*reply, error) {
	req, err := newRequest(ctx, method, c.Kind, path, query)
	if err != nil {
		return nil, err
	}
	r := s.transport.exchange(ctx, c.Kind, c.Account, req, body, c.Secret, query.Get("access_token"))
	if r.err != nil {
		return nil, &account.Refusal{Passing: true, Wait: 2 * time.Second,
			Reason: "没有连上平台，稍后自动重试；如一直如此，请检查网络和 base_url（" + r.err.Error() + "）"}
	}
	m := r.meaning(c.Kind)
	if m.Status == outbox.Sent {
		return r, nil
	}
	return nil, refusal(path, r.code, m)
}

// badSecretPause: while a secret is wrong, asking again only adds to the count of failures that platforms
// lock accounts for. Entering another secret ends the pause at once.
const badSecretPause = 10 * time.Minute

func refusal(path string, code int, m Meaning) *account.Refusal {
	no := &account.Refusal{Code: code, Reason: m.Reason(), Wait: time.Minute, Stale: m.StaleToken}
	switch m.Status {
	case outbox.Retry, outbox.Paused:
		no.Passing, no.Wait = true, max(m.Wait(time.Now()), time.Second)
	}
	if path == "/cgi-bin/getcallbackip" {
		return no
	}
	no.Stale = false
	switch code {
	case 40001:
		no.Wait, no.Reason = badSecretPause, "Secret 不正确：请到「设置 → 平台账号」重新填写；换了 Secret 会立即再试"
	case 40013, 40125, 41002, 41004, 40243:
		no.Wait = badSecretPause
	}
	return no
}
