package simulator

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/fault"
)

// attempt sends an application message on a connection of its own.
func (r *rig) attempt(ctx context.Context) (*http.Response, error) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.http.URL+sendPath+"?access_token="+r.token("agent"),
		strings.NewReader(string(encode(appText("zhangsan", "hi")))))
	require.NoError(r.t, err)
	return (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
}

func (r *rig) misbehave(m Misbehaviour) {
	r.t.Helper()
	require.NoError(r.t, r.Misbehave(m))
}

func TestMisbehave_code_is_answered_so_many_times_and_nothing_is_done(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.token("agent")
	r.misbehave(Misbehaviour{Path: sendPath, Code: 45009, Times: 2})
	r.misbehave(Misbehaviour{Path: sendPath, Code: -1})
	var got []int
	for range 4 {
		got = append(got, code(r.as("agent", sendPath, appText("zhangsan", "hi"))))
	}
	require.Equal(t, []int{45009, 45009, -1, 0}, got)
	require.Len(t, r.Deliveries(DeliveryFilter{}), 1)
	require.Equal(t, map[int]int64{45009: 2, -1: 1, 0: 1}, r.CallTotals().ByPath[sendPath].ByCode)
	require.Equal(t, "code 45009", r.Calls(CallFilter{Path: sendPath})[0].Misbehaved)
	require.Empty(t, r.Misbehaviours())
}

func TestMisbehave_is_kept_for_one_account_and_until_cleared(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.misbehave(Misbehaviour{Path: "/cgi-bin/department/", Code: 40014, Times: -1, Account: testCorp + "/1000003"})
	for range 3 {
		require.Equal(t, 40014, code(r.as("narrow", "/cgi-bin/department/list", nil)))
		require.Zero(t, code(r.as("agent", "/cgi-bin/department/list", nil)))
	}
	r.Behave()
	require.Zero(t, code(r.as("narrow", "/cgi-bin/department/list", nil)))
}

func TestMisbehave_dropped_connection_did_nothing_and_after_did_it(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.misbehave(Misbehaviour{Path: sendPath, Drop: true})
	_, err := r.attempt(r.context())
	require.ErrorIs(t, err, io.EOF)
	require.Empty(t, r.Deliveries(DeliveryFilter{}))
	r.misbehave(Misbehaviour{Path: sendPath, Drop: true, After: true})
	_, err = r.attempt(r.context())
	require.ErrorIs(t, err, io.EOF)
	require.Len(t, r.Deliveries(DeliveryFilter{}), 1)
}

func TestMisbehave_after_accepts_and_never_answers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.token("agent")
	r.misbehave(Misbehaviour{Path: sendPath, After: true})
	ctx, cancel := context.WithCancel(r.context())
	failed := make(chan error, 1)
	go func() { _, err := r.attempt(ctx); failed <- err }()
	_, err := r.WaitDelivered(r.context(), func(d Delivery) bool { return d.To == "zhangsan" })
	require.NoError(t, err)
	select {
	case err := <-failed:
		t.Fatalf("answered: %v", err)
	default:
	}
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
}

func TestMisbehave_close_breaks_off_calls_that_are_held(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.token("agent")
	r.misbehave(Misbehaviour{Path: sendPath, LatencyMS: 600_000})
	failed := make(chan error, 1)
	go func() { _, err := r.attempt(r.context()); failed <- err }()
	require.NoError(t, r.WaitCalls(r.context(), sendPath, 1))
	r.Close()
	require.Error(t, <-failed)
}

func TestMisbehave_latency_answers_late_but_rightly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.token("agent")
	r.misbehave(Misbehaviour{Path: "*", LatencyMS: 50})
	began := time.Now()
	require.Zero(t, code(r.as("agent", sendPath, appText("zhangsan", "hi"))))
	require.GreaterOrEqual(t, time.Since(began), 50*time.Millisecond)
}

func TestMisbehave_status_is_no_JSON(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.token("agent")
	r.misbehave(Misbehaviour{Path: sendPath, Status: 502})
	resp, err := r.attempt(r.context())
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, 502, resp.StatusCode)
	var a map[string]any
	require.Error(t, json.NewDecoder(resp.Body).Decode(&a))
	require.Empty(t, r.Deliveries(DeliveryFilter{}))
}

func TestMisbehave_refuses_what_makes_no_sense(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, m := range []Misbehaviour{
		{Code: 45009}, {Path: sendPath}, {Path: sendPath, After: true, Code: 1}, {Path: sendPath, LatencyMS: -1}, {Path: sendPath, Status: 200},
	} {
		require.True(t, fault.Is(r.Misbehave(m), fault.Invalid), "%+v", m)
	}
}

func TestMisbehave_applies_to_token_calls_by_the_account_named_in_them(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.misbehave(Misbehaviour{Path: "/cgi-bin/gettoken", Code: 60020, Account: testCorp})
	require.Equal(t, 60020, code(r.get("/cgi-bin/gettoken?corpid="+testCorp+"&corpsecret=agent-secret")))
	require.NotEmpty(t, r.token("agent"))
}
