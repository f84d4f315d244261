package simulator

import (
	"crypto/rand"
	"encoding/base64"
	"slices"
	"time"
)

// token is an access_token a platform issued. Its times are wall time, Unix ms.
type token struct {
	value    string
	platform platform
	owner
	expires  int64
	replaced int64 // when it stops working because a newer one was fetched; 0: it is the newest
}

// tokens are all that were issued in the last days: an expired one is answered otherwise than one that
// never existed.
type tokens struct {
	issued *expiring[string, *token]
}

const (
	// How long a token is remembered after it expired.
	tokenMemory = 48 * time.Hour
	maxTokens   = 100_000
	// 普通模式: the platform renews a stable token itself five minutes before its end (api_getstableaccesstoken).
	stableRenewal = 5 * time.Minute
	// 强制刷新: twice within 30 s refreshes once.
	stableForce  = 30 * time.Second
	minTokenSize = 32
)

func (t *tokens) find(value string) *token {
	x, ok := t.issued.entries[value]
	if !ok {
		return nil
	}
	return x.value
}

func (t *tokens) issue(x *token, ttl time.Duration, wall int64) *token {
	var random [96]byte
	rand.Read(random[:])
	x.value = base64.RawURLEncoding.EncodeToString(random[:])
	x.expires = wall + ttl.Milliseconds()
	t.issued.put(x.value, x, x.expires+tokenMemory.Milliseconds(), wall)
	return x
}

// authorise finds whose token a call carries and whether the rule may be called with it.
//
// Official accounts answer 40001 to a token that is unknown or no longer the newest, 42001 to an expired
// one, 40014 to what can't be a token. WeCom answers 40014 to an unknown one (its 40001 is a wrong secret).
func (s *Simulator) authorise(c *call, r *rule) *refusal {
	value := c.in.str("access_token")
	if value == "" {
		return refuse(41001)
	}
	t := s.tokens.find(value)
	switch {
	case t == nil || t.platform != r.platform:
		if r.platform != weCom && len(value) >= minTokenSize {
			return refuse(40001)
		}
		return refuse(40014)
	case t.replaced != 0 && t.replaced <= c.wall:
		return refuse(40001)
	case t.expires <= c.wall:
		return refuse(42001)
	}
	c.owner = t.owner
	if c.agent != nil && !admits(c.agent.TrustedIPs, c.ip) {
		return refuse(60020)
	}
	switch r.auth {
	case agentToken:
		if c.agent == nil {
			return refuse(48002)
		}
		if c.agent.Disabled {
			return refuse(50003)
		}
	case contactToken:
		if c.agent != nil && c.agent.NoContacts {
			return refuse(48002)
		}
	}
	return nil
}

// appTokens are the tokens of an official account or a mini program.
type appTokens struct {
	classic *token // the newest of /cgi-bin/token
	stable  *token // the newest of /cgi-bin/stable_token
	forced  int64  // when stable was last force-refreshed, wall Unix ms
}

// admits reports whether an allow-list of addresses lets one in; an empty one lets in everybody.
func admits(list []string, ip string) bool { return len(list) == 0 || slices.Contains(list, ip) }

// app is the official account or mini program of an AppID; neither for an unknown one.
func (s *Simulator) app(appID string) owner {
	if o := s.appIDs[appID]; o != nil {
		return owner{official: o}
	}
	if m := s.miniIDs[appID]; m != nil {
		return owner{mini: m}
	}
	return owner{}
}

// credentials finds the account of appid and secret. The allow-list of addresses (IP 白名单) guards the
// calls that show the secret.
func (s *Simulator) credentials(c *call) *refusal {
	c.owner = s.app(c.in.str("appid"))
	var secret string
	var trusted []string
	switch {
	case c.official != nil:
		secret, trusted = c.official.AppSecret, c.official.TrustedIPs
	case c.mini != nil:
		secret, trusted = c.mini.AppSecret, c.mini.TrustedIPs
	default:
		return refuse(40013)
	}
	if c.in.str("secret") != secret {
		return refuse(40125)
	}
	if !admits(trusted, c.ip) {
		return refusef(40164, "invalid ip %s, not in whitelist", c.ip)
	}
	return nil
}

func (o owner) appTokens() (*appTokens, platform) {
	if o.mini != nil {
		return &o.mini.appTokens, wechatMini
	}
	return &o.official.appTokens, wechatOA
}

// classicToken issues a new token each time; the one before works for a while longer (获取Access token:
// "老的 access_token 在5分钟内仍可用").
func (s *Simulator) classicToken(c *call) (answer, *refusal) {
	if no := s.credentials(c); no != nil {
		return nil, no
	}
	o, p := c.appTokens()
	if o.classic != nil {
		o.classic.replaced = c.wall + max(s.cfg.TokenGrace, 0).Milliseconds()
	}
	o.classic = s.tokens.issue(&token{platform: p, owner: c.owner}, s.cfg.TokenTTL, c.wall)
	return answer{"access_token": o.classic.value, "expires_in": int(s.cfg.TokenTTL / time.Second)}, nil
}

// stableToken answers the same token until shortly before its end; it lives apart from the classic one.
func (s *Simulator) stableToken(c *call) (answer, *refusal) {
	if no := s.credentials(c); no != nil {
		return nil, no
	}
	o, p := c.appTokens()
	force, _ := c.in["force_refresh"].(bool)
	if force && o.stable != nil && c.wall-o.forced < stableForce.Milliseconds() {
		force = false
	}
	if force && !s.counters.take("oa.stable_token.force", s.counters.standing("oa.stable_token.force"), day, c.account(), 1, c.now) {
		return nil, refuse(45009)
	}
	old := o.stable
	if old == nil || force || old.expires-c.wall <= stableRenewal.Milliseconds() {
		o.stable = s.tokens.issue(&token{platform: p, owner: c.owner}, s.cfg.TokenTTL, c.wall)
		if force {
			o.forced = c.wall
		}
		switch {
		case old == nil:
		case force:
			old.replaced = c.wall
		default:
			old.replaced = c.wall + max(s.cfg.TokenGrace, 0).Milliseconds()
		}
	}
	return answer{"access_token": o.stable.value, "expires_in": int((o.stable.expires - c.wall) / 1000)}, nil
}

// corpToken answers the same token while it is valid (gettoken: "有效期内重复获取返回相同结果").
func (s *Simulator) corpToken(c *call) (answer, *refusal) {
	x := s.corpIDs[c.in.str("corpid")]
	if x == nil {
		return nil, refuse(40013)
	}
	secret := c.in.str("corpsecret")
	slot, a := &x.contactTok, (*agent)(nil)
	if x.ContactSecret == "" || secret != x.ContactSecret {
		if a = x.bySecret(secret); a == nil {
			return nil, refuse(40001)
		}
		slot = &a.tok
	}
	c.corp, c.agent = x, a
	if *slot == nil || (*slot).expires <= c.wall {
		*slot = s.tokens.issue(&token{platform: weCom, owner: c.owner}, s.cfg.TokenTTL, c.wall)
	}
	return ok(answer{"access_token": (*slot).value, "expires_in": int(((*slot).expires - c.wall) / 1000)}), nil
}

func (c *corp) bySecret(secret string) *agent {
	for _, a := range c.agents {
		if a.Secret == secret {
			return a
		}
	}
	return nil
}

// ExpireTokens makes every token of an account ("" for all) expired, as after two hours.
func (s *Simulator) ExpireTokens(account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wall := s.clk.Wall().UnixMilli()
	for _, x := range s.tokens.issued.entries {
		t := x.value
		if (account == "" || account == t.account()) && t.expires > wall {
			t.expires = wall
		}
	}
}
