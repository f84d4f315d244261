package officialaccount_test

import (
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/channels/officialaccount"
	"github.com/koi-scrm/koi/channels/wechat"
	"github.com/koi-scrm/koi/channels/wechat/doortest"
)

const (
	aes    = "wx5823bf96d3bd56c7"
	compat = "wx5823bf96d3bd56c8"
	plain  = "wx5823bf96d3bd56c9"
	token  = "QDG6eK"
	aesKey = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
	inner  = `<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[oA1]]></FromUserName><CreateTime>1795312799</CreateTime>` +
		`<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[报价]]></Content><MsgId>23456789012345678</MsgId></xml>`
)

// accounts has one account of each mode.
type accounts struct{}

func (accounts) Official(appID string) (account.Official, bool) {
	modes := map[string]account.Mode{aes: account.ModeAES, compat: account.ModeCompat, plain: account.ModePlain, "wxunset": ""}
	mode, ok := modes[appID]
	return account.Official{AppID: appID, Token: token, AESKey: aesKey, Mode: mode}, ok
}

func path(appID string) string { return "/callback/official/" + appID }

func cipher(t testing.TB, receiver string) *wechat.Cipher {
	t.Helper()
	c, err := wechat.NewCipher(wechat.Credentials{Token: token, AESKey: aesKey, Receiver: receiver})
	require.NoError(t, err)
	return c
}

func open(t testing.TB, s *db.Stores) *doortest.Hall {
	h := doortest.New(t, s)
	officialaccount.NewDoor(accounts{}, h.Callbacks).Register(h.Engine)
	return h
}

// signed is the query of a plain callback, and of the platform's test of the address.
func signed(at time.Time) url.Values {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	return url.Values{"signature": {wechat.Sign(token, timestamp, "n1")}, "timestamp": {timestamp}, "nonce": {"n1"}, "openid": {"oA1"}}
}

// sealed is a callback as the platform sends it in 安全模式: signature and encrypt_type stand beside what
// counts.
func sealed(t testing.TB, appID, text string, at time.Time) wechat.Push {
	push := cipher(t, appID).Push(at, "gh_1", "", []byte(text))
	push.Query.Set("signature", wechat.Sign(token, push.Query.Get("timestamp"), push.Query.Get("nonce")))
	push.Query.Set("encrypt_type", "aes")
	push.Query.Set("openid", "oA1")
	return push
}

func received(appID string) []*event.Event {
	return []*event.Event{{
		Type: "oa.message_received", Source: "oa", Account: appID, Lane: event.Priority, Key: "msg|23456789012345678",
		Identities: []event.Identity{{Kind: "openid", Scope: appID, Value: "oA1"}},
		OccurredAt: 1_795_312_799_000, ReceivedAt: 1_795_312_800_000,
		Props: event.Props{"kind": "text", "msg_id": "23456789012345678", "content": "报价"},
	}}
}

func TestDoor_appends_before_it_answers(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		h := open(t, s)
		push := sealed(t, aes, inner, h.Clock.Wall())
		w := h.Post(path(aes), push.Query, push.Body)
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		require.Equal(t, "success", w.Body.String())
		require.Equal(t, received(aes), h.Stored(t))
		require.Equal(t, 1, h.Counted(t, aes, 200, wechat.OK))

		h.Clock.Advance(5 * time.Second)
		for _, again := range []wechat.Push{push, sealed(t, aes, inner, h.Clock.Wall())} {
			r := h.Post(path(aes), again.Query, again.Body)
			require.Equal(t, w.Code, r.Code)
			require.Equal(t, w.Body.String(), r.Body.String())
		}
		require.Len(t, h.Stored(t), 1)
		require.Equal(t, 2, h.Counted(t, aes, 200, wechat.Repeat))
	})
}

func TestDoor_reads_the_mode_from_the_account(t *testing.T) {
	t.Parallel()
	t.Run("compat takes the sealed copy and ignores the readable one", func(t *testing.T) {
		t.Parallel()
		h := open(t, dbtest.SQLite(t))
		push := sealed(t, compat, inner, h.Clock.Wall())
		forged := strings.Replace(inner, "oA1", "oVictim", 1)
		body := strings.Replace(string(push.Body), "<xml>", strings.TrimSuffix(forged, "</xml>"), 1)
		w := h.Post(path(compat), push.Query, []byte(body))
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		require.Equal(t, received(compat), h.Stored(t))
	})
	t.Run("plain takes a readable message", func(t *testing.T) {
		t.Parallel()
		h := open(t, dbtest.SQLite(t))
		w := h.Post(path(plain), signed(h.Clock.Wall()), []byte(inner))
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		require.Equal(t, "success", w.Body.String())
		require.Equal(t, received(plain), h.Stored(t))
	})
	t.Run("an account without a mode is encrypted", func(t *testing.T) {
		t.Parallel()
		h := open(t, dbtest.SQLite(t))
		require.Equal(t, http.StatusUnauthorized, h.Post(path("wxunset"), signed(h.Clock.Wall()), []byte(inner)).Code)
		push := sealed(t, "wxunset", inner, h.Clock.Wall())
		require.Equal(t, http.StatusOK, h.Post(path("wxunset"), push.Query, push.Body).Code)
	})
}

func TestDoor_refuses_bad_input(t *testing.T) {
	t.Parallel()
	h := open(t, dbtest.SQLite(t))
	now := h.Clock.Wall()
	good := sealed(t, aes, inner, now)
	asked := func(key, value string) wechat.Push {
		q := maps.Clone(good.Query)
		q.Set(key, value)
		return wechat.Push{Query: q, Body: good.Body}
	}
	bringing := func(body string) wechat.Push { return wechat.Push{Query: good.Query, Body: []byte(body)} }
	readable := func(q url.Values, more ...string) wechat.Push {
		q = maps.Clone(q)
		for i := 0; i+1 < len(more); i += 2 {
			q.Set(more[i], more[i+1])
		}
		return wechat.Push{Query: q, Body: []byte(inner)}
	}
	compatGood := sealed(t, compat, inner, now)
	notUTF8 := strings.Replace(inner, "报价", "\xb1\xa8\xbc\xdb", 1) // GBK

	for _, test := range []struct {
		name   string
		app    string
		push   wechat.Push
		status int
		reason wechat.Reason
	}{
		{"an unknown account", "wx0", good, 404, wechat.UnknownAccount},

		// Downgrades: what makes PowerWeChat and silenceper take a readable message.
		{"a readable message, no query", aes, readable(nil), 401, wechat.NoSignature},
		{"a readable message, any signature, encrypt_type=aes", aes, readable(url.Values{"signature": {"x"}, "encrypt_type": {"aes"}}), 401, wechat.NoSignature},
		{"a readable message under a leaked plain signature", aes, readable(signed(now)), 401, wechat.NoSignature},
		{"a readable message under a leaked plain signature, encrypt_type=aes", aes, readable(signed(now), "encrypt_type", "aes"), 401, wechat.NoSignature},
		{"a readable message, encrypt_type=raw", aes, readable(signed(now), "encrypt_type", "raw"), 401, wechat.NoSignature},
		{"a readable message with the plain signature as msg_signature", aes, readable(signed(now), "msg_signature", signed(now).Get("signature")), 401, wechat.NoEncrypt},
		{"a readable message under a sealed one's query", aes, bringing(inner), 401, wechat.NoEncrypt},
		{"a readable message at a compat account", compat, readable(signed(now)), 401, wechat.NoSignature},
		{"a readable message under a compat query", compat, wechat.Push{Query: compatGood.Query, Body: []byte(inner)}, 401, wechat.NoEncrypt},

		{"no msg_signature", aes, asked("msg_signature", ""), 401, wechat.NoSignature},
		{"a made-up msg_signature", aes, asked("msg_signature", strings.Repeat("a", 40)), 401, wechat.BadSignature},
		{"the plain signature as msg_signature", aes, asked("msg_signature", good.Query.Get("signature")), 401, wechat.BadSignature},
		{"another nonce than signed", aes, asked("nonce", "n2"), 401, wechat.BadSignature},
		{"stale", aes, sealed(t, aes, inner, now.Add(-doortest.Freshness-time.Second)), 401, wechat.Stale},
		{"from the future", aes, sealed(t, aes, inner, now.Add(doortest.Freshness+time.Second)), 401, wechat.Stale},
		{"sealed for another account of the same key", aes, compatGood, 401, wechat.WrongReceiver},
		{"a truncated envelope", aes, bringing(string(good.Body[:len(good.Body)-20])), 400, wechat.BadEnvelope},
		{"an empty body", aes, bringing(""), 400, wechat.BadEnvelope},
		{"a message that is not UTF-8", aes, sealed(t, aes, notUTF8, now), 400, wechat.NotUTF8},
		{"half a message", aes, sealed(t, aes, inner[:len(inner)/2], now), 400, wechat.BadEvent},
		{"a message from nobody", aes, sealed(t, aes, strings.Replace(inner, "oA1", "", 1), now), 400, wechat.BadEvent},
		{"too large", aes, bringing(strings.Repeat(" ", 1<<20+1)), 413, wechat.TooLarge},

		{"plain: no signature", plain, readable(nil), 401, wechat.NoSignature},
		{"plain: a made-up signature", plain, readable(signed(now), "signature", strings.Repeat("a", 40)), 401, wechat.BadSignature},
		{"plain: stale", plain, readable(signed(now.Add(-time.Hour))), 401, wechat.Stale},
		{"plain: timestamp one", plain, readable(url.Values{"signature": {wechat.Sign(token, "1", "n1")}, "timestamp": {"1"}, "nonce": {"n1"}}), 401, wechat.Stale},
		{"plain: only a ciphertext", plain, wechat.Push{Query: signed(now), Body: good.Body}, 400, wechat.BadEvent},
		{"plain: not UTF-8", plain, wechat.Push{Query: signed(now), Body: []byte(notUTF8)}, 400, wechat.NotUTF8},
		{"plain: truncated", plain, wechat.Push{Query: signed(now), Body: []byte(inner[:50])}, 400, wechat.BadEvent},
		{"plain: too large", plain, wechat.Push{Query: signed(now), Body: []byte(strings.Repeat(" ", 1<<20+1))}, 413, wechat.TooLarge},
	} {
		account := test.app
		if test.status == http.StatusNotFound {
			account = "unknown"
		}
		before := h.Counted(t, account, test.status, test.reason)
		w := h.Post(path(test.app), test.push.Query, test.push.Body)
		require.Equal(t, test.status, w.Code, "%s: %s", test.name, w.Body)
		require.True(t, strings.HasPrefix(w.Body.String(), string(test.reason)+": "), "%s: %s", test.name, w.Body)
		require.Equal(t, before+1, h.Counted(t, account, test.status, test.reason), test.name)
		require.NotContains(t, w.Body.String(), token, test.name)
		require.NotContains(t, w.Body.String(), aesKey, test.name)
	}
	require.Empty(t, h.Stored(t))
	require.Equal(t, http.StatusOK, h.Post(path(aes), good.Query, good.Body).Code, "the door still works")
}

func TestDoor_answers_the_platforms_test_of_the_address(t *testing.T) {
	t.Parallel()
	h := open(t, dbtest.SQLite(t))
	ask := func(at time.Time, echo string) url.Values {
		q := signed(at)
		q.Set("echostr", echo)
		return q
	}
	for _, app := range []string{aes, compat, plain} {
		w := h.Get(path(app), ask(h.Clock.Wall(), "<script>1</script>"))
		require.Equal(t, http.StatusOK, w.Code)
		require.Equal(t, "<script>1</script>", w.Body.String())
		require.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		require.Equal(t, 1, h.Counted(t, app, 200, wechat.Echo))
	}
	wrong := ask(h.Clock.Wall(), "1")
	wrong.Set("nonce", "n2")
	require.Equal(t, http.StatusUnauthorized, h.Get(path(aes), nil).Code)
	require.Equal(t, http.StatusUnauthorized, h.Get(path(aes), wrong).Code)
	require.Equal(t, http.StatusUnauthorized, h.Get(path(aes), ask(h.Clock.Wall().Add(-time.Hour), "1")).Code)
	require.Equal(t, http.StatusBadRequest, h.Get(path(aes), signed(h.Clock.Wall())).Code)
	require.Equal(t, http.StatusNotFound, h.Get(path("wx0"), ask(h.Clock.Wall(), "1")).Code)
	require.Empty(t, h.Stored(t))
}
