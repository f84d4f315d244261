package simulator

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/koi-scrm/koi/channels/wechat"
)

// pair is a field of a mini program's push, pairs are fields in order.
type pair struct {
	name  string
	value string
}

type pairs []pair

// miniEvent is what a mini program is pushed, in the format it chose.
//
// In JSON the platform is loose: CreateTime comes as a number or as text, a list of one as an object and a
// longer one as an array (community 000a08f88180a0081400916f966400). Here CreateTime takes turns, so that
// every reader meets both.
type miniEvent struct {
	json   bool
	odd    bool
	fields pairs
	holder string // the element that holds List in XML
	items  []pairs
}

// event begins a push about someone.
func (m *mini) event(u *miniUser, now int64, msgType string) *miniEvent {
	m.pushed++
	e := &miniEvent{json: m.Format == "json", odd: m.pushed%2 == 1}
	return e.add("ToUserName", m.OriginalID).add("FromUserName", u.openID).
		add("CreateTime", strconv.FormatInt(now/1000, 10)).add("MsgType", msgType)
}

func (e *miniEvent) add(name, value string) *miniEvent {
	e.fields = append(e.fields, pair{name, value})
	return e
}

func (e *miniEvent) list(holder string, items []pairs) { e.holder, e.items = holder, items }

// numeric are the fields that the platform writes as numbers.
var numeric = map[string]bool{"CreateTime": true, "MsgId": true}

func (e *miniEvent) done() []byte {
	if e.json {
		return e.asJSON()
	}
	x := newEvent()
	write := func(list pairs) {
		for _, p := range list {
			if n, err := strconv.ParseInt(p.value, 10, 64); err == nil && numeric[p.name] {
				x.num(p.name, n)
			} else {
				x.text(p.name, p.value)
			}
		}
	}
	write(e.fields)
	if e.items != nil {
		x.open(e.holder)
		for _, item := range e.items {
			x.open("List")
			write(item)
			x.shut("List")
		}
		x.shut(e.holder)
	}
	return x.done()
}

func (e *miniEvent) asJSON() []byte {
	object := func(list pairs) map[string]any {
		out := map[string]any{}
		for _, p := range list {
			out[p.name] = p.value
			if numeric[p.name] && !(p.name == "CreateTime" && e.odd) {
				out[p.name] = json.Number(p.value)
			}
		}
		return out
	}
	all := object(e.fields)
	switch len(e.items) {
	case 0:
	case 1:
		all["List"] = object(e.items[0])
	default:
		var list []any
		for _, item := range e.items {
			list = append(list, object(item))
		}
		all["List"] = list
	}
	return encode(all)
}

// callMini pushes to a mini program's address, 1+repeats times; without an address it does nothing.
func (s *Simulator) callMini(m *mini, openID, event string, plain []byte, repeats int) ([]*Callback, error) {
	address := s.addressOf(&m.CallbackURL)
	if address == "" || (m.cipher == nil && m.Mode != "plain") {
		return nil, nil
	}
	seal := func() (url.Values, []byte) {
		at := s.clk.Wall()
		timestamp, nonce := strconv.FormatInt(at.Unix(), 10), strconv.FormatInt(s.nextID()%10_000_000_000, 10)
		query, body := url.Values{}, plain
		if m.Mode != "plain" {
			query, body = m.seal(at, plain)
			timestamp, nonce = query.Get("timestamp"), query.Get("nonce")
			query.Set("encrypt_type", "aes")
		}
		query.Set("timestamp", timestamp)
		query.Set("nonce", nonce)
		query.Set("openid", openID)
		query.Set("signature", wechat.Sign(m.Token, timestamp, nonce))
		return query, body
	}
	p := push{account: m.AppID, event: event, plain: plain, url: address, seal: seal}
	if m.Format == "json" {
		p.contentType = "application/json"
	}
	return s.push(p, repeats)
}

// seal puts a push into its envelope; in compatibility mode the plain fields stand beside the ciphertext.
func (m *mini) seal(at time.Time, plain []byte) (url.Values, []byte) {
	sealed := m.cipher.Seal(plain)
	query := m.cipher.Query(at, sealed)
	if m.Format == "json" {
		envelope := fields{}
		if m.Mode == "compat" {
			envelope, _ = parse(plain) // written by us, or pushed raw: then it is what was asked for
		}
		envelope["ToUserName"], envelope["Encrypt"] = m.OriginalID, sealed
		return query, encode(envelope)
	}
	e := newEvent().text("ToUserName", m.OriginalID).text("Encrypt", sealed)
	body := e.done()
	if m.Mode == "compat" {
		body = append(bytes.TrimSuffix(bytes.Clone(plain), []byte("</xml>")), strings.TrimPrefix(string(body), "<xml>")...)
	}
	return query, body
}
