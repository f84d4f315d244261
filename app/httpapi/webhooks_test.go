package httpapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	webhookchannel "github.com/koi-scrm/koi/channels/webhook"
	"github.com/koi-scrm/koi/configs"
)

// received is a delivery as the other side got it.
type received struct {
	header http.Header
	body   string
}

func TestWebhooks_from_the_first_to_the_last_day(t *testing.T) {
	t.Parallel()
	dbtest.RunConfig(t, func(t *testing.T, c db.Config) {
		got := make(chan received, 10)
		var answer atomic.Int32
		answer.Store(http.StatusOK)
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got <- received{r.Header.Clone(), string(body)}
			w.WriteHeader(int(answer.Load()))
		}))
		t.Cleanup(other.Close)
		r := boot(t, c, func(c *configs.Config) { c.Channels.Webhook.Allow = []string{"127.0.0.0/8"} })
		var secret string
		r.step("it is added, and its secret shown this once", func() {
			added := r.root.post("/api/v1/webhooks", obj("key", "erp", "name", "订单系统", "url", other.URL+"/koi?key=hunter2")).is(http.StatusCreated)
			secret = added.text("secret")
			require.Regexp(t, `^whsec_`, secret)
			shown := r.root.get("/api/v1/webhooks/erp").is(http.StatusOK)
			require.Empty(t, shown.text("secret"))
			require.Equal(t, other.URL+"/koi?key=hunter2", shown.text("url"))
			require.Len(t, r.root.get("/api/v1/webhooks").is(http.StatusOK).items(), 1)
			r.root.post("/api/v1/webhooks", obj("key", "erp", "name", "又一个", "url", other.URL)).failure(http.StatusConflict, "conflict")
		})
		r.step("a test is delivered, signed with it", func() {
			tried := r.root.post("/api/v1/webhooks/erp/test", nil).is(http.StatusOK)
			require.Equal(t, true, tried.value("ok"), "%s", tried.raw)
			d := <-got
			require.Equal(t, "webhook.test", d.header.Get("X-Koi-Event"))
			require.Equal(t, webhookchannel.Sign([]byte(secret), d.header.Get("X-Koi-Timestamp"), []byte(d.body)), d.header.Get("X-Koi-Signature"))
			answer.Store(http.StatusTeapot)
			tried = r.root.post("/api/v1/webhooks/erp/test", nil).is(http.StatusOK)
			answer.Store(http.StatusOK)
			require.Equal(t, false, tried.value("ok"))
			require.InDelta(t, http.StatusTeapot, tried.value("status"), 0)
			require.Regexp(t, `\p{Han}`, tried.text("detail"))
			<-got
		})
		r.step("another secret", func() {
			again := r.root.post("/api/v1/webhooks/erp/secret", nil).is(http.StatusOK).text("secret")
			require.NotEqual(t, secret, again)
			r.root.post("/api/v1/webhooks/erp/test", nil).is(http.StatusOK)
			d := <-got
			require.Equal(t, webhookchannel.Sign([]byte(again), d.header.Get("X-Koi-Timestamp"), []byte(d.body)), d.header.Get("X-Koi-Signature"))
		})
		r.step("it is changed", func() {
			changed := r.root.patch("/api/v1/webhooks/erp", obj("off", true, "note", "维护中")).is(http.StatusOK)
			require.Equal(t, "订单系统", changed.text("name"), "what is absent stays")
			require.Equal(t, true, changed.value("off"))
			require.InDelta(t, 2, changed.value("rev"), 0)
		})
		r.step("who does not manage accounts sees no key and changes nothing", func() {
			marketer := r.keyOf(auth.Marketer)
			require.Equal(t, other.URL+"/koi?key=***", marketer.get("/api/v1/webhooks/erp").is(http.StatusOK).text("url"))
			marketer.post("/api/v1/webhooks", obj("key", "mine", "name", "x", "url", other.URL)).failure(http.StatusForbidden, "denied")
			marketer.get("/api/v1/definitions/webhook/erp").failure(http.StatusForbidden, "denied")
			for _, path := range []string{"/api/v1/settings?kind=webhook", "/api/v1/settings/export"} {
				require.NotContains(t, string(marketer.get(path).is(http.StatusOK).raw), "hunter2", path)
			}
		})
		r.step("what is exported holds no secret", func() {
			text := string(r.root.get("/api/v1/settings/export").is(http.StatusOK).raw)
			require.Contains(t, text, "webhooks:")
			require.NotContains(t, text, "whsec_")
		})
		r.step("it is deleted", func() {
			r.root.delete("/api/v1/webhooks/erp").is(http.StatusNoContent)
			r.root.get("/api/v1/webhooks/erp").failure(http.StatusNotFound, "not_found")
			r.root.post("/api/v1/webhooks/erp/test", nil).failure(http.StatusNotFound, "not_found")
			var n int
			require.NoError(t, r.app.Stores.Koi.QueryRow(t.Context(), "SELECT COUNT(*) FROM webhook_secrets").Scan(&n))
			require.Zero(t, n)
		})
	})
}

func TestWebhooks_lead_to_the_internet_only(t *testing.T) {
	t.Parallel()
	r := boot(t, dbtest.SQLiteConfig(t))
	for _, url := range []string{"", "ftp://erp.example.com/", "http://127.0.0.1/", "http://localhost:8080/", "http://169.254.169.254/latest/", "http://[::1]/", "http://[::ffff:10.0.0.1]/",
		"http://[64:ff9b::7f00:1]/", "http://2130706433/", "http://0x7f.1/", "https://user:pw@erp.example.com/"} {
		no := r.root.post("/api/v1/webhooks", obj("key", "erp", "name", "订单系统", "url", url)).failure(http.StatusUnprocessableEntity, "invalid")
		require.Equal(t, []string{"url"}, no.problems(), url)
	}
	r.root.post("/api/v1/webhooks", obj("key", "a b", "name", "订单系统", "url", "https://203.0.113.7/")).failure(http.StatusUnprocessableEntity, "invalid")
	r.root.post("/api/v1/webhooks", obj("key", "erp", "name", " ", "url", "https://8.8.8.8/")).failure(http.StatusUnprocessableEntity, "invalid")
	require.Empty(t, r.root.get("/api/v1/webhooks").is(http.StatusOK).items())
	bundle := "webhooks:\n  - key: erp\n    name: 订单系统\n    url: http://10.0.0.1/\n"
	no := r.root.post("/api/v1/settings/apply", obj("text", bundle)).failure(http.StatusUnprocessableEntity, "invalid")
	require.Equal(t, []string{"bundle.yaml:4"}, no.problems())
	r.root.post("/api/v1/settings/apply", obj("text", strings.Replace(bundle, "10.0.0.1", "8.8.8.8", 1))).is(http.StatusOK)
	require.Len(t, r.root.get("/api/v1/webhooks").is(http.StatusOK).items(), 1)
}
