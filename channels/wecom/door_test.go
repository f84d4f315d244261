package wecom_test

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/channels/wechat"
	"github.com/koi-scrm/koi/channels/wechat/doortest"
	"github.com/koi-scrm/koi/channels/wecom"
)

const (
	corpID = "ww5823bf96d3bd56c7"
	path   = "/callback/wecom/ww5823bf96d3bd56c7/1000002"
	name   = corpID + "/1000002" // of the account in events and counters
	inner  = `<xml><ToUserName><![CDATA[ww5823bf96d3bd56c7]]></ToUserName><FromUserName><![CDATA[sys]]></FromUserName>` +
		`<CreateTime>1795312799</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[change_external_contact]]></Event>` +
		`<ChangeType><![CDATA[add_external_contact]]></ChangeType><UserID><![CDATA[zhangsan]]></UserID>` +
		`<ExternalUserID><![CDATA[woAJ2GCAAAXtWyujaWJHDDGi0mAAAAAA]]></ExternalUserID><State><![CDATA[expo-2026]]></State>` +
		`<WelcomeCode><![CDATA[WELCOMECODE]]></WelcomeCode></xml>`
)

var app = account.WeCom{CorpID: corpID, AgentID: 1000002, Token: "QDG6eK", AESKey: "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"}

// apps are the accounts of a test.
type apps []account.WeCom

func (a apps) WeCom(corpID string, agentID int) (account.WeCom, bool) {
	for _, w := range a {
		if w.CorpID == corpID && w.AgentID == agentID {
			return w, true
		}
	}
	return account.WeCom{}, false
}

func cipher(t testing.TB, receiver string) *wechat.Cipher {
	t.Helper()
	c, err := wechat.NewCipher(wechat.Credentials{Token: app.Token, AESKey: app.AESKey, Receiver: receiver})
	require.NoError(t, err)
	return c
}

func open(t testing.TB, s *db.Stores) *doortest.Hall {
	h := doortest.New(t, s)
	wecom.NewDoor(apps{app}, h.Callbacks).Register(h.Engine)
	return h
}

func TestDoor_appends_before_it_answers(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		h := open(t, s)
		push := cipher(t, corpID).Push(h.Clock.Wall(), corpID, "1000002", []byte(inner))
		w := h.Post(path, push.Query, push.Body)
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		require.Empty(t, w.Body.String())
		want := []*event.Event{{
			Type: "wecom.customer_added", Source: "wecom", Account: name, Lane: event.Priority, Staff: "zhangsan",
			Key:        "change_external_contact|add_external_contact|zhangsan|woAJ2GCAAAXtWyujaWJHDDGi0mAAAAAA||1795312799",
			Identities: []event.Identity{{Kind: "external_userid", Scope: corpID, Value: "woAJ2GCAAAXtWyujaWJHDDGi0mAAAAAA"}},
			OccurredAt: 1_795_312_799_000, ReceivedAt: 1_795_312_800_000,
			Props: event.Props{"state": "expo-2026", "welcome_code": "WELCOMECODE"},
		}}
		require.Equal(t, want, h.Stored(t))
		require.Equal(t, 1, h.Counted(t, name, 200, wechat.OK))

		// The platform tries again: the same bytes, or the same message sealed and signed anew.
		h.Clock.Advance(5 * time.Second)
		anew := cipher(t, corpID).Push(h.Clock.Wall(), corpID, "1000002", []byte(inner))
		for _, again := range []wechat.Push{push, anew} {
			r := h.Post(path, again.Query, again.Body)
			require.Equal(t, w.Code, r.Code)
			require.Equal(t, w.Body.String(), r.Body.String())
		}
		require.Len(t, h.Stored(t), 1)
		require.Equal(t, 2, h.Counted(t, name, 200, wechat.Repeat))
	})
}

func TestDoor_appends_all_events_of_a_callback(t *testing.T) {
	t.Parallel()
	h := open(t, dbtest.SQLite(t))
	text := `<xml><FromUserName>sys</FromUserName><CreateTime>1795312799</CreateTime><MsgType>event</MsgType><Event>change_external_chat</Event>` +
		`<ChatId>wrX</ChatId><ChangeType>update</ChangeType><UpdateDetail>add_member</UpdateDetail>` +
		`<MemChangeList><Item>wmAJ2GCAAAXtWyujaWJHDDGi0mBBBBBB</Item><Item>lisi</Item></MemChangeList></xml>`
	push := cipher(t, corpID).Push(h.Clock.Wall(), corpID, "1000002", []byte(text))
	require.Equal(t, http.StatusOK, h.Post(path, push.Query, push.Body).Code)
	require.Len(t, h.Stored(t), 3)
	require.Equal(t, http.StatusOK, h.Post(path, push.Query, push.Body).Code)
	require.Len(t, h.Stored(t), 3)
	require.Equal(t, 1, h.Counted(t, name, 200, wechat.Repeat))
}

func TestDoor_refuses_bad_input(t *testing.T) {
	t.Parallel()
	h := open(t, dbtest.SQLite(t))
	c, now := cipher(t, corpID), h.Clock.Wall()
	// says is a correct callback with any text inside, signed one with any ciphertext.
	says := func(text string) wechat.Push { return c.Push(now, corpID, "1000002", []byte(text)) }
	signed := func(encrypt string) wechat.Push {
		return wechat.Push{Query: c.Query(now, encrypt), Body: []byte("<xml><Encrypt><![CDATA[" + encrypt + "]]></Encrypt></xml>")}
	}
	good := says(inner)
	asked := func(key, value string) wechat.Push {
		q := maps.Clone(good.Query)
		q.Set(key, value)
		return wechat.Push{Query: q, Body: good.Body}
	}
	bringing := func(body string) wechat.Push { return wechat.Push{Query: good.Query, Body: []byte(body)} }
	at := func(when time.Time) wechat.Push { return c.Push(when, corpID, "1000002", []byte(inner)) }
	guess, err := wechat.NewCipher(wechat.Credentials{Token: "guessed", AESKey: app.AESKey, Receiver: corpID})
	require.NoError(t, err)
	unsigned := wechat.Sign(app.Token, good.Query.Get("timestamp"), good.Query.Get("nonce")) // covers no body
	sealed := c.Seal([]byte(inner))

	for _, test := range []struct {
		name   string
		path   string
		push   wechat.Push
		status int
		reason wechat.Reason
	}{
		{"an unknown corp", "/callback/wecom/ww9/1000002", good, 404, wechat.UnknownAccount},
		{"an unknown agent", "/callback/wecom/" + corpID + "/1000003", good, 404, wechat.UnknownAccount},
		{"an agent that is no number", "/callback/wecom/" + corpID + "/x", good, 404, wechat.UnknownAccount},

		{"no query", path, wechat.Push{Body: good.Body}, 401, wechat.NoSignature},
		{"no query and a readable message", path, wechat.Push{Body: []byte(inner)}, 401, wechat.NoSignature},
		{"no msg_signature", path, asked("msg_signature", ""), 401, wechat.NoSignature},
		{"no timestamp", path, asked("timestamp", ""), 401, wechat.NoSignature},
		{"no nonce", path, asked("nonce", ""), 401, wechat.NoSignature},
		{"a signature over no body, and a readable message", path, wechat.Push{Query: url.Values{"signature": {unsigned},
			"timestamp": good.Query["timestamp"], "nonce": good.Query["nonce"], "encrypt_type": {"aes"}}, Body: []byte(inner)}, 401, wechat.NoSignature},

		{"stale", path, at(now.Add(-doortest.Freshness - time.Second)), 401, wechat.Stale},
		{"from the future", path, at(now.Add(doortest.Freshness + time.Second)), 401, wechat.Stale},
		{"timestamp one", path, asked("timestamp", "1"), 401, wechat.Stale},
		{"a timestamp that is no number", path, asked("timestamp", "now"), 401, wechat.Stale},
		{"a timestamp out of all bounds", path, asked("timestamp", "9223372036854775807"), 401, wechat.Stale},

		{"a made-up signature", path, asked("msg_signature", strings.Repeat("0", 40)), 401, wechat.BadSignature},
		{"a signature over no body", path, asked("msg_signature", unsigned), 401, wechat.BadSignature},
		{"signed with a guessed token", path, guess.Push(now, corpID, "1000002", []byte(inner)), 401, wechat.BadSignature},
		{"another nonce than signed", path, asked("nonce", "other"), 401, wechat.BadSignature},
		{"another timestamp than signed", path, asked("timestamp", strconv.FormatInt(now.Unix()+1, 10)), 401, wechat.BadSignature},
		{"another message than signed", path, bringing(string(says("<xml/>").Body)), 401, wechat.BadSignature},

		{"a readable message in place of an envelope", path, bringing(inner), 401, wechat.NoEncrypt},
		{"an empty ciphertext", path, bringing("<xml><Encrypt></Encrypt></xml>"), 401, wechat.NoEncrypt},
		{"an envelope inside a text", path, bringing("<xml><C><![CDATA[<Encrypt>" + sealed + "</Encrypt>]]></C></xml>"), 401, wechat.NoEncrypt},

		{"sealed for another corp", path, cipher(t, "ww0000000000000000").Push(now, corpID, "1000002", []byte(inner)), 401, wechat.WrongReceiver},

		{"an empty body", path, bringing(""), 400, wechat.BadEnvelope},
		{"a truncated envelope", path, bringing(string(good.Body[:len(good.Body)/2])), 400, wechat.BadEnvelope},
		{"JSON", path, bringing(`{"Encrypt":"x"}`), 400, wechat.BadEnvelope},
		{"an entity bomb", path, bringing(`<!DOCTYPE x [<!ENTITY a "aa">]><xml><Encrypt>&a;</Encrypt></xml>`), 400, wechat.BadEnvelope},
		{"an envelope that is not UTF-8", path, bringing("<xml><Encrypt>\xff\xfe</Encrypt></xml>"), 400, wechat.NotUTF8},

		{"a ciphertext that is no base64", path, signed("%%%"), 400, wechat.BadCiphertext},
		{"half a ciphertext", path, signed(sealed[:len(sealed)/2/4*4]), 400, wechat.BadCiphertext},
		{"a random ciphertext", path, signed(strings.Repeat("QUJD", 64)), 400, wechat.BadCiphertext},
		{"a message that is not UTF-8", path, says(strings.Replace(inner, "expo", "\xc3\x28", 1)), 400, wechat.NotUTF8},
		{"a message that is no XML", path, says("change_external_contact"), 400, wechat.BadEvent},
		{"half a message", path, says(inner[:len(inner)/2]), 400, wechat.BadEvent},
		{"a message that is no event", path, says("<xml><FromUserName>sys</FromUserName></xml>"), 400, wechat.BadEvent},
		{"an empty message", path, says(""), 400, wechat.BadEvent},

		{"too large", path, bringing(string(good.Body) + strings.Repeat(" ", 1<<20)), 413, wechat.TooLarge},
	} {
		account := name
		if test.status == http.StatusNotFound {
			account = "unknown"
		}
		before := h.Counted(t, account, test.status, test.reason)
		w := h.Post(test.path, test.push.Query, test.push.Body)
		require.Equal(t, test.status, w.Code, "%s: %s", test.name, w.Body)
		require.True(t, strings.HasPrefix(w.Body.String(), string(test.reason)+": "), "%s: %s", test.name, w.Body)
		require.Equal(t, before+1, h.Counted(t, account, test.status, test.reason), test.name)
		for _, secret := range []string{app.Token, app.AESKey, "WELCOMECODE", unsigned} {
			require.NotContains(t, w.Body.String(), secret, test.name)
		}
	}
	require.Empty(t, h.Stored(t))
	require.Equal(t, http.StatusOK, h.Post(path, good.Query, good.Body).Code, "the door still works")
}

func TestDoor_answers_the_platforms_test_of_the_address(t *testing.T) {
	t.Parallel()
	h := open(t, dbtest.SQLite(t))
	c := cipher(t, corpID)
	ask := func(c *wechat.Cipher, at time.Time, echo string) url.Values {
		q := c.Query(at, echo)
		q.Set("echostr", echo)
		return q
	}
	now := h.Clock.Wall()
	good := ask(c, now, c.Seal([]byte("1616140317555161061")))
	w := h.Get(path, good)
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "1616140317555161061", w.Body.String(), "no quotes, no newline")
	require.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	require.Equal(t, 1, h.Counted(t, name, 200, wechat.Echo))

	other := cipher(t, "ww0000000000000000")
	unechoed := maps.Clone(good)
	unechoed.Del("echostr")
	plain := maps.Clone(good)
	plain.Set("echostr", "hello")
	for _, test := range []struct {
		name   string
		query  url.Values
		status int
		reason wechat.Reason
	}{
		{"no query", nil, 401, wechat.NoSignature},
		{"no echostr", unechoed, 400, wechat.BadEnvelope},
		{"a plain echostr", plain, 401, wechat.BadSignature},
		{"stale", ask(c, now.Add(-time.Hour), c.Seal([]byte("1"))), 401, wechat.Stale},
		{"for another corp", ask(other, now, other.Seal([]byte("1"))), 401, wechat.WrongReceiver},
		{"a signed echostr that is no ciphertext", ask(c, now, "hello"), 400, wechat.BadCiphertext},
	} {
		w := h.Get(path, test.query)
		require.Equal(t, test.status, w.Code, test.name)
		require.Equal(t, 1, h.Counted(t, name, test.status, test.reason), test.name)
	}
	require.Equal(t, http.StatusNotFound, h.Get("/callback/wecom/ww9/1", good).Code)
	require.Empty(t, h.Stored(t))
}

// busy is a log whose queue is full, or whose database is away.
type busy struct{}

func (busy) Append(context.Context, ...*event.Event) ([]event.Appended, error) {
	return nil, fault.New(fault.Unavailable, "写入队列已满")
}

func TestDoor_asks_the_platform_to_come_again_when_nothing_can_be_promised(t *testing.T) {
	t.Parallel()
	h := doortest.On(busy{}, clock.NewManual(doortest.Start))
	wecom.NewDoor(apps{app}, h.Callbacks).Register(h.Engine)
	push := cipher(t, corpID).Push(h.Clock.Wall(), corpID, "1000002", []byte(inner))
	w := h.Post(path, push.Query, push.Body)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
	require.Equal(t, 1, h.Counted(t, name, 503, wechat.Busy))
}

func TestDoor_follows_a_change_of_credentials(t *testing.T) {
	t.Parallel()
	h := doortest.New(t, dbtest.SQLite(t))
	accounts := apps{app}
	wecom.NewDoor(accounts, h.Callbacks).Register(h.Engine)
	push := cipher(t, corpID).Push(h.Clock.Wall(), corpID, "1000002", []byte(inner))
	require.Equal(t, http.StatusOK, h.Post(path, push.Query, push.Body).Code)
	accounts[0].Token = "changed"
	require.Equal(t, http.StatusUnauthorized, h.Post(path, push.Query, push.Body).Code)
}

// nowhere takes events and keeps none: the benchmark measures the door.
type nowhere struct{}

func (nowhere) Append(_ context.Context, events ...*event.Event) ([]event.Appended, error) {
	return make([]event.Appended, len(events)), nil
}

// BenchmarkCallback is a whole callback but for the network and the log: routing, query, envelope,
// signature, decryption, parsing, the event, the counter.
func BenchmarkCallback(b *testing.B) {
	h := doortest.On(nowhere{}, clock.NewManual(doortest.Start))
	wecom.NewDoor(apps{app}, h.Callbacks).Register(h.Engine)
	push := cipher(b, corpID).Push(h.Clock.Wall(), corpID, "1000002", []byte(inner))
	target := path + "?" + push.Query.Encode()
	r := httptest.NewRequest(http.MethodPost, target, nil)
	r.ContentLength = int64(len(push.Body))
	reader := bytes.NewReader(push.Body)
	r.Body = io.NopCloser(reader)
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(push.Body)
		w.Body.Reset()
		h.Engine.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}
