package miniprogram_test

import (
	"bytes"
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
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/channels/miniprogram"
	"github.com/koi-scrm/koi/channels/wechat"
	"github.com/koi-scrm/koi/channels/wechat/doortest"
)

const (
	aes    = "wx5823bf96d3bd56d7"
	compat = "wx5823bf96d3bd56d8"
	plain  = "wx5823bf96d3bd56d9"
	token  = "QDG6eK"
	aesKey = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"

	innerXML = `<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[oM1]]></FromUserName><CreateTime>1795312799</CreateTime>` +
		`<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[报价]]></Content><MsgId>23456789012345678</MsgId></xml>`
	innerJSON = `{"ToUserName":"gh_1","FromUserName":"oM1","CreateTime":1795312799,"MsgType":"text","Content":"报价","MsgId":23456789012345678}`
)

// accounts has one mini-program of each mode.
type accounts struct{}

func (accounts) Mini(appID string) (account.Mini, bool) {
	modes := map[string]account.Mode{aes: account.ModeAES, compat: account.ModeCompat, plain: account.ModePlain, "wxunset": ""}
	mode, ok := modes[appID]
	return account.Mini{AppID: appID, Token: token, AESKey: aesKey, Mode: mode}, ok
}

func path(appID string) string { return "/callback/mini/" + appID }

func open(t testing.TB, s *db.Stores) *doortest.Hall {
	h := doortest.New(t, s)
	miniprogram.NewDoor(accounts{}, h.Callbacks).Register(h.Engine)
	return h
}

// signed is the query of a plain push, and of the platform's test of the address.
func signed(at time.Time) url.Values {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	return url.Values{"signature": {wechat.Sign(token, timestamp, "n1")}, "timestamp": {timestamp}, "nonce": {"n1"}, "openid": {"oM1"}}
}

// sealed is a push as the platform sends it in 安全模式, in the form of its text.
func sealed(t testing.TB, appID, text string, at time.Time) wechat.Push {
	c, err := wechat.NewCipher(wechat.Credentials{Token: token, AESKey: aesKey, Receiver: appID})
	require.NoError(t, err)
	push := c.Push(at, "gh_1", "", []byte(text))
	if strings.HasPrefix(text, "{") {
		push = c.PushJSON(at, "gh_1", []byte(text))
	}
	push.Query.Set("signature", wechat.Sign(token, push.Query.Get("timestamp"), push.Query.Get("nonce")))
	push.Query.Set("encrypt_type", "aes")
	push.Query.Set("openid", "oM1")
	return push
}

func received(appID string) []*event.Event {
	return []*event.Event{{
		Type: "mp.message_received", Source: "mp", Account: appID, Lane: event.Priority, Key: "msg|23456789012345678",
		Identities: []event.Identity{{Kind: "openid", Scope: appID, Value: "oM1"}},
		OccurredAt: 1_795_312_799_000, ReceivedAt: 1_795_312_800_000,
		Props: event.Props{"kind": "text", "msg_id": "23456789012345678", "content": "报价"},
	}}
}

func TestDoor_appends_before_it_answers_in_both_forms(t *testing.T) {
	t.Parallel()
	for name, inner := range map[string]string{"XML": innerXML, "JSON": innerJSON} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Run(t, func(t *testing.T, s *db.Stores) {
				h := open(t, s)
				push := sealed(t, aes, inner, h.Clock.Wall())
				w := h.Post(path(aes), push.Query, push.Body)
				require.Equal(t, http.StatusOK, w.Code, w.Body)
				require.Equal(t, "success", w.Body.String())
				require.Equal(t, received(aes), h.Stored(t))
				require.Equal(t, 1, h.Counted(t, aes, 200, wechat.OK))

				// The platform tries again: the same push, one sealed anew, one in the other form.
				h.Clock.Advance(5 * time.Second)
				for _, again := range []wechat.Push{push, sealed(t, aes, innerXML, h.Clock.Wall()), sealed(t, aes, innerJSON, h.Clock.Wall())} {
					r := h.Post(path(aes), again.Query, again.Body)
					require.Equal(t, w.Code, r.Code)
					require.Equal(t, w.Body.String(), r.Body.String())
				}
				require.Len(t, h.Stored(t), 1)
				require.Equal(t, 3, h.Counted(t, aes, 200, wechat.Repeat))
			})
		})
	}
}

func TestDoor_does_not_trust_the_content_type(t *testing.T) {
	t.Parallel()
	for _, inner := range []string{innerXML, innerJSON} {
		for _, claimed := range []string{"", "application/json", "text/xml", "application/xml", "image/png"} {
			h := open(t, dbtest.SQLite(t))
			push := sealed(t, aes, inner, h.Clock.Wall())
			r := httptest.NewRequest(http.MethodPost, path(aes)+"?"+push.Query.Encode(), bytes.NewReader(push.Body))
			r.Header.Set("Content-Type", claimed)
			w := httptest.NewRecorder()
			h.Engine.ServeHTTP(w, r)
			require.Equal(t, http.StatusOK, w.Code, "%s: %s", claimed, w.Body)
			require.Equal(t, received(aes), h.Stored(t))
		}
	}
}

func TestDoor_reads_the_mode_from_the_account(t *testing.T) {
	t.Parallel()
	t.Run("compat takes the sealed copy and ignores the readable one", func(t *testing.T) {
		t.Parallel()
		for _, inner := range []string{innerXML, innerJSON} {
			h := open(t, dbtest.SQLite(t))
			push := sealed(t, compat, inner, h.Clock.Wall())
			forged := strings.Replace(inner, "oM1", "oVictim", 1)
			body := strings.Replace(string(push.Body), "<xml>", strings.TrimSuffix(forged, "</xml>"), 1)
			if inner == innerJSON {
				body = strings.TrimSuffix(forged, "}") + "," + strings.TrimPrefix(string(push.Body), "{")
			}
			w := h.Post(path(compat), push.Query, []byte(body))
			require.Equal(t, http.StatusOK, w.Code, w.Body)
			require.Equal(t, received(compat), h.Stored(t))
		}
	})
	t.Run("plain takes a readable push", func(t *testing.T) {
		t.Parallel()
		for _, inner := range []string{innerXML, innerJSON, "\n " + innerJSON} {
			h := open(t, dbtest.SQLite(t))
			w := h.Post(path(plain), signed(h.Clock.Wall()), []byte(inner))
			require.Equal(t, http.StatusOK, w.Code, w.Body)
			require.Equal(t, "success", w.Body.String())
			require.Equal(t, received(plain), h.Stored(t))
		}
	})
	t.Run("an account without a mode is encrypted", func(t *testing.T) {
		t.Parallel()
		h := open(t, dbtest.SQLite(t))
		require.Equal(t, http.StatusUnauthorized, h.Post(path("wxunset"), signed(h.Clock.Wall()), []byte(innerJSON)).Code)
		push := sealed(t, "wxunset", innerJSON, h.Clock.Wall())
		require.Equal(t, http.StatusOK, h.Post(path("wxunset"), push.Query, push.Body).Code)
	})
}

func TestDoor_refuses_bad_input(t *testing.T) {
	t.Parallel()
	for name, inner := range map[string]string{"XML": innerXML, "JSON": innerJSON} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refuses(t, inner)
		})
	}
}

func refuses(t *testing.T, inner string) {
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

		// Downgrades: silenceper's mini-program receiver takes each of these.
		{"a readable push, no query", aes, readable(nil), 401, wechat.NoSignature},
		{"a readable push under a leaked plain signature", aes, readable(signed(now)), 401, wechat.NoSignature},
		{"a readable push, encrypt_type=raw", aes, readable(signed(now), "encrypt_type", "raw"), 401, wechat.NoSignature},
		{"a readable push with the plain signature as msg_signature", aes, readable(signed(now), "msg_signature", signed(now).Get("signature")), 401, wechat.NoEncrypt},
		{"a readable push under a sealed one's query", aes, bringing(inner), 401, wechat.NoEncrypt},
		{"a readable push at a compat account", compat, readable(signed(now)), 401, wechat.NoSignature},
		{"a readable push under a compat query", compat, wechat.Push{Query: compatGood.Query, Body: []byte(inner)}, 401, wechat.NoEncrypt},
		{"null instead of a ciphertext", aes, bringing(`{"Encrypt":null}`), 401, wechat.NoEncrypt},

		{"no msg_signature", aes, asked("msg_signature", ""), 401, wechat.NoSignature},
		{"a made-up msg_signature", aes, asked("msg_signature", strings.Repeat("a", 40)), 401, wechat.BadSignature},
		{"the plain signature as msg_signature", aes, asked("msg_signature", good.Query.Get("signature")), 401, wechat.BadSignature},
		{"another nonce than signed", aes, asked("nonce", "n2"), 401, wechat.BadSignature},
		{"stale", aes, sealed(t, aes, inner, now.Add(-doortest.Freshness-time.Second)), 401, wechat.Stale},
		{"from the future", aes, sealed(t, aes, inner, now.Add(doortest.Freshness+time.Second)), 401, wechat.Stale},
		{"sealed for another account of the same key", aes, compatGood, 401, wechat.WrongReceiver},
		{"a truncated envelope", aes, bringing(string(good.Body[:len(good.Body)-20])), 400, wechat.BadEnvelope},
		{"an empty body", aes, bringing(""), 400, wechat.BadEnvelope},
		{"a number instead of a ciphertext", aes, bringing(`{"Encrypt":5}`), 400, wechat.BadEnvelope},
		{"a list", aes, bringing(`[{"Encrypt":"x"}]`), 400, wechat.BadEnvelope},
		{"an envelope that is not UTF-8", aes, bringing("{\"Encrypt\":\"\xb1\xa8\"}"), 400, wechat.NotUTF8},
		{"a push that is not UTF-8", aes, sealed(t, aes, notUTF8, now), 400, wechat.NotUTF8},
		{"half a push", aes, sealed(t, aes, inner[:len(inner)/2], now), 400, wechat.BadEvent},
		{"a push from nobody", aes, sealed(t, aes, strings.Replace(inner, "oM1", "", 1), now), 400, wechat.BadEvent},
		{"too large", aes, bringing(strings.Repeat(" ", 1<<20+1)), 413, wechat.TooLarge},

		{"plain: no signature", plain, readable(nil), 401, wechat.NoSignature},
		{"plain: a made-up signature", plain, readable(signed(now), "signature", strings.Repeat("a", 40)), 401, wechat.BadSignature},
		{"plain: stale", plain, readable(signed(now.Add(-time.Hour))), 401, wechat.Stale},
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
		w := h.Get(path(app), ask(h.Clock.Wall(), "5837397301622104650"))
		require.Equal(t, http.StatusOK, w.Code)
		require.Equal(t, "5837397301622104650", w.Body.String())
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
