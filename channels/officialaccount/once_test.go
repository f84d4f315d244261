package officialaccount_test

import (
	"bytes"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/channels/officialaccount"
	"github.com/koi-scrm/koi/channels/wechat"
	"github.com/koi-scrm/koi/channels/wechat/doortest"
)

const reader = "oA1-reader_0001"

func invite(t testing.TB, s *db.Stores) (*doortest.Hall, *officialaccount.Invitations) {
	h := doortest.New(t, s)
	keys, err := secret.New(bytes.Repeat([]byte{9}, secret.MasterSize))
	require.NoError(t, err)
	i := officialaccount.NewInvitations(keys, h.Clock, "https://koi.example.com")
	officialaccount.NewAnswers(accounts{}, h.Callbacks, i).Register(h.Engine)
	return h, i
}

// back is where WeChat leads a reader who chose.
func back(t testing.TB, i *officialaccount.Invitations, in officialaccount.Invitation, action, openid string) (string, url.Values) {
	t.Helper()
	address, err := i.URL(in)
	require.NoError(t, err)
	u, err := url.Parse(address)
	require.NoError(t, err)
	q := u.Query()
	to, err := url.Parse(q.Get("redirect_url"))
	require.NoError(t, err)
	got := url.Values{"template_id": {q.Get("template_id")}, "action": {action}, "scene": {q.Get("scene")}, "reserved": {q.Get("reserved")}}
	if openid != "" {
		got.Set("openid", openid)
	}
	return to.Path + "/", got
}

var asked = officialaccount.Invitation{AppID: aes, TemplateID: "1uDxHNXwYQfBmXOfPJcjAS3FynHArD8aWMEFNRGSbCc", Scene: 1000}

func TestInvitations_make_the_address_the_platform_wants(t *testing.T) {
	t.Parallel()
	_, i := invite(t, dbtest.SQLite(t))
	address, err := i.URL(asked)
	require.NoError(t, err)
	require.Regexp(t, regexp.MustCompile(`^https://mp\.weixin\.qq\.com/mp/subscribemsg\?action=get_confirm&appid=`+aes+`&scene=1000&template_id=`+asked.TemplateID+
		`&redirect_url=https%3A%2F%2Fkoi\.example\.com%2Fcallback%2Fofficial%2F`+aes+`%2Fsubscribed&reserved=[0-9a-f]{72}#wechat_redirect$`), address)
	again, err := i.URL(asked)
	require.NoError(t, err)
	require.NotEqual(t, address, again, "every reader has one of their own")
	for _, bad := range []officialaccount.Invitation{{}, {AppID: aes}, {AppID: aes, TemplateID: "T", Scene: -1}, {AppID: aes, TemplateID: "T", Scene: 10001}} {
		_, err := i.URL(bad)
		require.Error(t, err)
	}
}

func TestAnswers_take_what_a_reader_chose_once(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		h, i := invite(t, s)
		at, q := back(t, i, asked, "confirm", reader)
		w := h.Get(at, q)
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		require.Contains(t, w.Body.String(), "订阅成功")
		require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
		require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
		stored := h.Stored(t)
		require.Len(t, stored, 1)
		require.True(t, strings.HasPrefix(stored[0].Key, "once|"))
		stored[0].Key = ""
		require.Equal(t, &event.Event{Type: "oa.subscription_answered", Source: "oa", Account: aes, Lane: event.Normal,
			Identities: []event.Identity{{Kind: "openid", Scope: aes, Value: reader}}, ObjectType: "oa_template", ObjectID: asked.TemplateID,
			OccurredAt: doortest.Start.UnixMilli(), ReceivedAt: doortest.Start.UnixMilli(),
			Props: event.Props{"template_id": asked.TemplateID, "answer": "accept", "in": "once", "once": true, "scene": "1000"}}, stored[0])

		// A page loaded again, or another OpenID put in by hand, is no second answer.
		again := h.Get(strings.TrimSuffix(at, "/"), q)
		require.Equal(t, w.Body.String(), again.Body.String())
		q.Set("openid", "oSomebodyElse")
		h.Get(at, q)
		require.Len(t, h.Stored(t), 1)

		at, q = back(t, i, asked, "cancel", "")
		require.Contains(t, h.Get(at, q).Body.String(), "已取消")
		require.Len(t, h.Stored(t), 1, "WeChat does not say who cancelled")
		at, q = back(t, i, asked, "cancel", reader)
		h.Get(at, q)
		require.Equal(t, "reject", h.Stored(t)[1].Props["answer"])
	})
}

func TestAnswers_refuse_what_we_did_not_ask(t *testing.T) {
	t.Parallel()
	h, i := invite(t, dbtest.SQLite(t))
	other, err := secret.New(bytes.Repeat([]byte{8}, secret.MasterSize))
	require.NoError(t, err)
	foreign := officialaccount.NewInvitations(other, h.Clock, "https://koi.example.com")
	short := asked
	short.For = time.Minute
	known := asked
	known.OpenID = reader
	set := func(key, value string) func(url.Values) { return func(q url.Values) { q.Set(key, value) } }
	for _, test := range []struct {
		name   string
		by     *officialaccount.Invitations
		in     officialaccount.Invitation
		change func(url.Values)
		path   string
		status int
		reason wechat.Reason
	}{
		{"no reserved", i, asked, set("reserved", ""), "", 401, wechat.BadLink},
		{"a made-up one", i, asked, set("reserved", strings.Repeat("a", 72)), "", 401, wechat.BadLink},
		{"one that is no number", i, asked, set("reserved", strings.Repeat("锦", 24)), "", 401, wechat.BadLink},
		{"one under another key", foreign, asked, nil, "", 401, wechat.BadLink},
		{"another scene", i, asked, set("scene", "1001"), "", 401, wechat.BadLink},
		{"another template", i, asked, set("template_id", "T2"), "", 401, wechat.BadLink},
		{"at another account", i, asked, nil, "/callback/official/" + compat + "/subscribed", 401, wechat.BadLink},
		{"the same in capitals", i, asked, func(q url.Values) { q.Set("reserved", strings.ToUpper(q.Get("reserved"))) }, "", 401, wechat.BadLink},
		{"its time in capitals", i, asked, func(q url.Values) {
			until, rest := q.Get("reserved")[:8], q.Get("reserved")[8:]
			require.NotEqual(t, strings.ToUpper(until), until)
			q.Set("reserved", strings.ToUpper(until)+rest)
		}, "", 401, wechat.BadLink},
		{"a longer life", i, short, func(q url.Values) { q.Set("reserved", "ffffffff"+q.Get("reserved")[8:]) }, "", 401, wechat.BadLink},
		{"its time is over", i, short, func(url.Values) { h.Clock.Advance(2 * time.Minute) }, "", 401, wechat.StaleLink},
		{"somebody else answers", i, known, set("openid", "oSomebodyElse"), "", 401, wechat.BadLink},
		{"a yes from nobody", i, asked, func(q url.Values) { q.Del("openid") }, "", 400, wechat.BadEvent},
		{"a name far too long", i, asked, set("openid", strings.Repeat("o", 65)), "", 400, wechat.BadEvent},
		{"neither yes nor no", i, asked, set("action", "maybe"), "", 400, wechat.BadEvent},
		{"an unknown account", i, asked, nil, "/callback/official/wx0/subscribed", 404, wechat.UnknownAccount},
	} {
		at, q := back(t, test.by, test.in, "confirm", reader)
		if test.path != "" {
			at = test.path
		}
		if test.change != nil {
			test.change(q)
		}
		account := aes
		switch {
		case test.status == 404:
			account = "unknown"
		case test.path != "":
			account = compat
		}
		before := h.Counted(t, account, test.status, test.reason)
		w := h.Get(at, q)
		require.Equal(t, test.status, w.Code, "%s: %s", test.name, w.Body)
		require.Equal(t, before+1, h.Counted(t, account, test.status, test.reason), test.name)
		require.Regexp(t, `\p{Han}`, w.Body.String(), test.name)
	}
	require.Empty(t, h.Stored(t))
	at, q := back(t, i, known, "confirm", reader)
	require.Equal(t, http.StatusOK, h.Get(at, q).Code)
	at, q = back(t, i, known, "cancel", "")
	require.Equal(t, http.StatusOK, h.Get(at, q).Code)
	require.Len(t, h.Stored(t), 1)
}

func FuzzAnswers(f *testing.F) {
	h, _ := invite(f, dbtest.SQLite(f))
	other, err := secret.New(bytes.Repeat([]byte{8}, secret.MasterSize))
	require.NoError(f, err)
	_, q := back(f, officialaccount.NewInvitations(other, h.Clock, "https://koi.example.com"), asked, "confirm", reader)
	f.Add(q.Get("reserved"), "confirm", "1000", reader)
	f.Add(strings.Repeat("0", 72), "cancel", "x", "")
	f.Fuzz(func(t *testing.T, reserved, action, scene, openid string) {
		got := url.Values{"template_id": {asked.TemplateID}, "action": {action}, "scene": {scene}, "reserved": {reserved}, "openid": {openid}}
		require.Equal(t, http.StatusUnauthorized, h.Get("/callback/official/"+aes+"/subscribed", got).Code)
	})
}
