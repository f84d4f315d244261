package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/configs"
)

func trusting(proxies ...string) func(*configs.Config) {
	return func(c *configs.Config) { c.TrustedProxies = proxies }
}

// listener reads a stream.
type listener struct {
	r      *rig
	events chan heard
	close  context.CancelFunc
}

// heard is one event of a stream.
type heard struct {
	id, name string
	data     map[string]any
}

// listen opens a stream and returns once it is there.
func (c *client) listen(query, last string) *listener {
	c.r.Helper()
	ctx, cancel := context.WithCancel(c.r.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.r.url+"/api/v1/stream"+query, nil)
	require.NoError(c.r, err)
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	if c.cookie != "" {
		req.Header.Set("Cookie", c.cookie)
	}
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultClient.Do(req) //nolint:bodyclose // the listener below closes it
	require.NoError(c.r, err)
	require.Equal(c.r, http.StatusOK, res.StatusCode)
	require.Contains(c.r, res.Header.Get("Content-Type"), "text/event-stream")
	l := &listener{c.r, make(chan heard, 1000), cancel}
	ready := make(chan struct{})
	go func() {
		defer res.Body.Close()
		defer close(l.events)
		var h heard
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "id":
				h.id = value
				if ready != nil { // the first beat comes after all that was missed
					close(ready)
					ready = nil
				}
			case "event":
				h.name = value
			case "data":
				_ = json.Unmarshal([]byte(value), &h.data)
			case "":
				if h.name != "" {
					l.events <- h
				}
				h = heard{}
			}
		}
	}()
	c.r.Cleanup(cancel)
	waiting := ready
	select {
	case <-waiting:
	case <-time.After(20 * time.Second):
		c.r.Fatal("the stream does not begin")
	}
	return l
}

// next returns the next event that is not of the system.
func (l *listener) next() heard {
	l.r.Helper()
	for {
		select {
		case h, open := <-l.events:
			require.True(l.r, open, "the stream ended")
			if h.name != "system" {
				return h
			}
		case <-time.After(20 * time.Second):
			l.r.Fatal("nothing was heard")
		}
	}
}

// until returns the first event of a type about a contact, and fails on one about any of the others.
func (l *listener) until(typ, contact string, never ...string) heard {
	l.r.Helper()
	for {
		h := l.next()
		for _, other := range never {
			require.NotEqual(l.r, other, h.data["contact_id"], "%v", h)
		}
		if h.data["type"] == typ && h.data["contact_id"] == contact {
			return h
		}
	}
}

func TestAPI_streams_what_happens_to_whom_the_caller_may_see(t *testing.T) {
	t.Parallel()
	dbtest.RunConfig(t, func(t *testing.T, c db.Config) {
		r := boot(t, c)
		f := newFirm(r)
		mine, foreign := f.contact["wanglei"], f.contact["sunqi"]
		all := r.root.listen("", "")
		sales := f.sales.listen("", "")
		one := r.root.listen("?topics=events&contact="+mine, "")
		messages := r.root.listen("?topics=messages", "")

		f.happen(event.WeComDeletedByCustomer, "sunqi", "wmsunqi")
		f.happen(event.WeComDeletedByCustomer, "wanglei", "wmwanglei")
		all.until(event.WeComDeletedByCustomer, foreign)
		got := all.until(event.WeComDeletedByCustomer, mine)
		require.Equal(t, "event", got.name)
		require.NotEmpty(t, got.data["label"])
		before := sales.until(event.WeComDeletedByCustomer, mine, foreign)
		one.until(event.WeComDeletedByCustomer, mine, foreign)

		r.step("who becomes a customer is heard of from then on", func() {
			f.happen(event.WeComCustomerAdded, "wanglei", "wmsunqi")
			sales.until(event.WeComCustomerAdded, foreign)
		})
		r.step("personal values are masked", func() {
			now := time.Now().UnixMilli()
			_, err := r.app.Log.Append(t.Context(), &event.Event{Type: event.CustomPrefix + "note", Source: "api", Key: "n", Lane: event.Normal, OccurredAt: now, ReceivedAt: now,
				Identities: []event.Identity{{Kind: event.KindExternal, Scope: corp, Value: "wmwanglei"}}, Props: event.Props{"text": "打 13812345678 给我"}})
			require.NoError(t, err)
			h := one.until(event.CustomPrefix+"note", mine)
			require.Equal(t, "打 138****5678 给我", h.data["props"].(map[string]any)["text"])
			require.Contains(t, string(r.root.get("/api/v1/contacts/"+mine+"/timeline?type=custom.note").is(200).raw), "138****5678")
		})
		r.step("who comes back gets what was missed, and nobody else's", func() {
			sales.close()
			f.happen(event.WeComDeletedByCustomer, "sunqi", "wmchenjing")
			f.happen(event.WeComCustomerAdded, "wanglei", "wmwanglei")
			again := f.sales.listen("?topics=events", before.id)
			again.until(event.WeComCustomerAdded, foreign, f.contact["chenjing"])
			again.until(event.CustomPrefix+"note", mine, f.contact["chenjing"])
			again.until(event.WeComCustomerAdded, mine, f.contact["chenjing"])
		})
		r.step("a stream ends with the session, at once", func() {
			live := f.sales.listen("", "")
			id := f.sales.get("/api/v1/me").is(200).text("user.id")
			r.root.patch("/api/v1/users/"+id, obj("disabled", true)).is(200)
			for h := live.next(); h.name != "bye"; h = live.next() {
			}
			for range live.events { // ends
			}
		})
		require.Empty(t, messages.events, "nothing was sent")
		r.step("topics need their permission, the id its form", func() {
			r.root.get("/api/v1/stream?topics=everything").failure(422, "invalid")
			r.keyOf(auth.Sales).get("/api/v1/stream?topics=system").failure(403, "denied")
			r.root.with("Last-Event-ID", "x").get("/api/v1/stream").failure(422, "invalid")
			r.keyOf(auth.Employee).get("/api/v1/stream").failure(403, "denied")
		})
		r.step("one caller has so many, and they are given back", func() {
			anna := r.user("anna", auth.Marketer)
			var held []*listener
			for range 10 {
				held = append(held, anna.listen("", ""))
			}
			anna.get("/api/v1/stream").failure(429, "limited")
			held[0].close()
			r.until("the place is free", func() bool { return anna.status(place{"openStream", http.MethodGet, "/api/v1/stream"}) == 200 })
		})
	})
}

func TestAPI_streams_end_when_the_server_stops(t *testing.T) {
	t.Parallel()
	r := bootSQLite(t)
	l := r.root.listen("", "")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, r.app.Server.Stop(ctx))
	for h := l.next(); h.name != "bye"; h = l.next() {
	}
	for range l.events { // ends
	}
}
