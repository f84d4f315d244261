package simulator

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/channels/wechat"
)

// Verify does what a platform does when its console saves a callback address: it sends an echostr, plain
// and signed for an official account or a mini program, encrypted for WeCom, and wants exactly it back. account is an AppID
// or CorpID/AgentID. A wrong answer is a Conflict, an unreachable server Unavailable.
func (s *Simulator) Verify(ctx context.Context, account string) error {
	address, query, want, err := s.echo(account)
	if err != nil {
		return err
	}
	glue := "?"
	if strings.Contains(address, "?") {
		glue = "&"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+glue+query.Encode(), nil)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "回调地址 %s 不对", address)
	}
	status, got, err := s.callbacks.do(req)
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "回调地址 %s 无法访问", address)
	}
	if status != http.StatusOK || got != want {
		return fault.New(fault.Conflict, "回调地址 %s 验证失败：应原样返回 %q，得到的是 %d %q", address, want, status, got)
	}
	return nil
}

func (s *Simulator) echo(account string) (address string, query url.Values, want string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	want = strconv.FormatInt(s.nextID(), 10)
	at := s.clk.Wall()
	if o := s.appIDs[account]; o != nil && o.CallbackURL != "" {
		timestamp, nonce := strconv.FormatInt(at.Unix(), 10), strconv.FormatInt(s.nextID()%1_000_000_000, 10)
		return o.CallbackURL, url.Values{"signature": {wechat.Sign(o.Token, timestamp, nonce)}, "timestamp": {timestamp},
			"nonce": {nonce}, "echostr": {want}}, want, nil
	}
	if m := s.miniIDs[account]; m != nil && m.CallbackURL != "" {
		timestamp, nonce := strconv.FormatInt(at.Unix(), 10), strconv.FormatInt(s.nextID()%1_000_000_000, 10)
		return m.CallbackURL, url.Values{"signature": {wechat.Sign(m.Token, timestamp, nonce)}, "timestamp": {timestamp},
			"nonce": {nonce}, "echostr": {want}}, want, nil
	}
	if a := s.agentOf(account); a != nil && a.CallbackURL != "" && a.cipher != nil {
		sealed := a.cipher.Seal([]byte(want))
		query = a.cipher.Query(at, sealed)
		query.Set("echostr", sealed)
		return a.CallbackURL, query, want, nil
	}
	return "", nil, "", fault.New(fault.NotFound, "没有账号 %q，或它没有回调地址", account)
}
