package simulator

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/fault"
)

func TestJournal_keeps_the_last_and_counts_all(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.History = 10; c.Quotas = map[string]int{"*": -1} })
	for i := range 25 {
		require.Zero(t, code(r.as("agent", sendPath, appText("zhangsan", fmt.Sprint(i%20)))))
	}
	got := r.Deliveries(DeliveryFilter{})
	require.Len(t, got, 10)
	require.Equal(t, "4", got[9].Text)
	require.Equal(t, 2, got[9].Count)
	require.Equal(t, 1, got[0].Count)
	require.Equal(t, DeliveryTotals{Delivered: 25, Contents: 20, Repeated: 5}, r.DeliveryTotals())
	require.Len(t, r.Deliveries(DeliveryFilter{Repeats: true}), 5)
	calls := r.Calls(CallFilter{})
	require.Len(t, calls, 10)
	require.EqualValues(t, 25, r.CallTotals().ByPath[sendPath].Calls)
	require.EqualValues(t, 26, r.CallTotals().Total)
	require.Len(t, r.Calls(CallFilter{After: calls[7].ID}), 2)
	require.Len(t, r.Calls(CallFilter{Limit: 3}), 3)
	require.Empty(t, r.Calls(CallFilter{Path: "/cgi-bin/gettoken"}))
	require.Empty(t, r.Calls(CallFilter{Since: at.Add(time.Minute).UnixMilli()}))
	require.Len(t, r.Deliveries(DeliveryFilter{After: got[8].ID}), 1)
	require.Empty(t, r.Deliveries(DeliveryFilter{To: "LiNa"}))
}

func TestJournal_says_what_it_could_not_count_one_by_one(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.DeliveryKeys = 2; c.DedupeKeys = 2 })
	for i := range 4 {
		r.as("agent", sendPath, with(appText("zhangsan", fmt.Sprint(i)), "enable_duplicate_check", 1))
	}
	require.Equal(t, DeliveryTotals{Delivered: 4, Contents: 2, Uncounted: 2, DedupeLost: 2}, r.DeliveryTotals())
}

func TestJournal_shows_no_secret_and_no_token(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	token := r.token("agent")
	r.as("agent", sendPath, appText("zhangsan", "hi"))
	for _, c := range r.Calls(CallFilter{}) {
		require.NotContains(t, c.Query, token)
		require.NotContains(t, c.Query, "secret")
	}
	require.Equal(t, testCorp+"/1000002", r.Calls(CallFilter{Path: sendPath})[0].Account)
}

func TestJournal_counts_unknown_paths_together(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i := range 3 {
		require.Equal(t, 40066, code(r.get(fmt.Sprintf("/cgi-bin/no/%d", i))))
	}
	require.EqualValues(t, 3, r.CallTotals().ByPath[unknownPath].Calls)
}

func TestJournal_waits_for_deliveries_that_came_and_that_come(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.as("agent", sendPath, appText("zhangsan", "first"))
	d, err := r.WaitDelivered(r.context(), func(d Delivery) bool { return d.Text == "first" })
	require.NoError(t, err)
	require.EqualValues(t, 1, d.ID)
	came := make(chan Delivery, 1)
	go func() {
		d, _ := r.WaitDelivered(r.context(), func(d Delivery) bool { return d.Text == "third" })
		came <- d
	}()
	r.as("agent", sendPath, appText("zhangsan", "second"))
	r.as("agent", sendPath, appText("zhangsan", "third"))
	require.Equal(t, "third", (<-came).Text)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = r.WaitDelivered(ctx, func(Delivery) bool { return false })
	require.ErrorIs(t, err, context.Canceled)
}

func TestAnswers_carry_the_platform_s_date(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	resp, err := http.Get(r.http.URL + "/cgi-bin/token")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	date, err := http.ParseTime(resp.Header.Get("Date"))
	require.NoError(t, err)
	require.True(t, date.Equal(at))
}

func TestExpiring_forgets_in_time_and_makes_room_for_the_new(t *testing.T) {
	t.Parallel()
	e := newExpiring[string, int](2)
	e.put("a", 1, 10, 0)
	e.put("b", 2, 20, 0)
	v, ok := e.get("a", 9)
	require.True(t, ok)
	require.Equal(t, 1, v)
	_, ok = e.get("a", 10)
	require.False(t, ok)
	e.put("c", 3, 30, 5) // full: a would end first
	require.EqualValues(t, 1, e.evicted)
	_, ok = e.get("a", 5)
	require.False(t, ok)
	e.put("d", 4, 40, 25) // b ended
	require.Equal(t, 2, e.len())
	require.EqualValues(t, 1, e.evicted)
}

func TestRing_keeps_the_newest_in_order(t *testing.T) {
	t.Parallel()
	r := newRing[int](3)
	require.Empty(t, slices.Collect(r.all()))
	for i := range 5 {
		r.push(i)
	}
	require.Equal(t, []int{2, 3, 4}, slices.Collect(r.all()))
	require.Equal(t, []int{3, 4}, r.last(2))
	require.Equal(t, []int{2, 3, 4}, r.last(9))
}

func TestConfig_names_every_mistake_at_once(t *testing.T) {
	t.Parallel()
	_, err := New(Config{
		Officials: []Official{{AppID: "wx1", Mode: "clear", CallbackURL: "koi"}},
		Corps: []Corp{{CorpID: "ww1", Agents: []Agent{{}}, Departments: []Department{{1, "总部", 9}, {1, "又一个", 0}},
			Staff: []Staff{{UserID: "a", Departments: []int{7}}}}},
		Quotas: map[string]int{"oa.nothing": 1},
	})
	require.True(t, fault.Is(err, fault.Invalid))
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	require.Len(t, f.Problems, 8)
	_, err = New(Config{
		Officials: []Official{{AppID: "wx1", AppSecret: "s", Token: "t", AESKey: "short"}, {AppID: "wx1", AppSecret: "s"}},
		Corps: []Corp{{CorpID: "ww1", Staff: []Staff{{UserID: "A"}, {UserID: "a"}}, Agents: []Agent{{AgentID: 1, Secret: "s"}, {AgentID: 1, Secret: "s"}}},
			{CorpID: "ww1"}},
		People: []Person{{Name: "谁"}, {Follows: []Follow{{AppID: "wx9"}}}, {Contacts: []Contact{{CorpID: "ww1", ExternalUserID: "wm", Staff: []string{"z"}}}}},
	})
	require.ErrorAs(t, err, &f)
	require.Len(t, f.Problems, 8)
}

func TestStart_serves_on_loopback_only_until_its_context_ends(t *testing.T) {
	t.Parallel()
	s, err := New(testConfig())
	require.NoError(t, err)
	for _, addr := range []string{"0.0.0.0:0", "192.0.2.1:0", ":0", "nonsense"} {
		require.True(t, fault.Is(s.Start(t.Context(), addr), fault.Invalid), addr)
	}
	ctx, cancel := context.WithCancel(context.Background())
	require.NoError(t, s.Start(ctx, "127.0.0.1:0"))
	resp, err := http.Get(s.URL() + "/sim/stats")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	cancel()
	<-s.ended
	_, err = http.Get(s.URL() + "/sim/stats")
	require.Error(t, err)
	s.Close()
}

// Everyone at once: the race detector watches, and nothing is lost or counted twice.
func TestSimulator_stays_exact_when_everyone_calls_at_once(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Quotas = map[string]int{"*": -1}; c.CallbackTimeout = 20 * time.Second })
	newDoor(t, r)
	token := r.token("agent")
	var all sync.WaitGroup
	const workers, each = 8, 30
	for w := range workers {
		all.Go(func() {
			for i := range each {
				body := string(encode(with(appText("zhangsan", fmt.Sprintf("%d-%d", w, i/2)), "enable_duplicate_check", 1)))
				resp, err := http.Post(r.http.URL+sendPath+"?access_token="+token, "application/json", strings.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				_ = resp.Body.Close()
				_, err = r.Act(r.context(), Act{Who: fmt.Sprintf("oW%d", w), App: testApp, Do: "say", With: "hi", Async: true})
				if err != nil {
					t.Error(err)
				}
				r.Deliveries(DeliveryFilter{Limit: 5})
				r.page(nil, "")
				_ = r.Misbehave(Misbehaviour{Path: "/cgi-bin/none", Code: 1})
			}
		})
	}
	all.Wait()
	require.NoError(t, r.WaitSettled(r.context()))
	require.Equal(t, DeliveryTotals{Delivered: workers * each / 2, Contents: workers * each / 2, Deduped: workers * each / 2}, r.DeliveryTotals())
	require.EqualValues(t, workers*each, r.CallbackTotals().Acknowledged)
	require.EqualValues(t, workers*each, r.CallCount(sendPath))
}
