package wechat

import (
	"errors"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/outbox"
)

// The table of platform rules, row by row: what each code leads to. It is written out again here so that
// an edit of the map shows as one.
func TestExplain_each_code_leads_to_its_action(t *testing.T) {
	t.Parallel()
	const day = -1 // until Beijing midnight
	rows := []struct {
		kind   account.Kind
		code   int
		status outbox.Status
		after  time.Duration
	}{
		{account.KindOfficial, 0, outbox.Sent, 0},
		{account.KindOfficial, -1, outbox.Retry, 2 * time.Second},
		{account.KindOfficial, 40001, outbox.Alarm, 0},
		{account.KindOfficial, 40014, outbox.Alarm, 0},
		{account.KindOfficial, 42001, outbox.Alarm, 0},
		{account.KindOfficial, 41001, outbox.Alarm, 0},
		{account.KindOfficial, 40003, outbox.Failed, 0},
		{account.KindOfficial, 40007, outbox.Failed, 0},
		{account.KindOfficial, 40008, outbox.Alarm, 0},
		{account.KindOfficial, 40013, outbox.Alarm, 0},
		{account.KindOfficial, 40125, outbox.Alarm, 0},
		{account.KindOfficial, 41004, outbox.Alarm, 0},
		{account.KindOfficial, 40243, outbox.Alarm, 0},
		{account.KindOfficial, 40164, outbox.Alarm, 0},
		{account.KindOfficial, 89503, outbox.Alarm, 0},
		{account.KindOfficial, 40037, outbox.Alarm, 0},
		{account.KindOfficial, 47003, outbox.Alarm, 0},
		{account.KindOfficial, 41030, outbox.Alarm, 0},
		{account.KindOfficial, 43004, outbox.Failed, 0},
		{account.KindOfficial, 43101, outbox.Failed, 0},
		{account.KindOfficial, 48002, outbox.Failed, 0},
		{account.KindOfficial, 44002, outbox.Alarm, 0},
		{account.KindOfficial, 44004, outbox.Alarm, 0},
		{account.KindOfficial, 45002, outbox.Failed, 0},
		{account.KindOfficial, 47001, outbox.Alarm, 0},
		{account.KindOfficial, 45009, outbox.Paused, day},
		{account.KindOfficial, 45011, outbox.Paused, time.Minute},
		{account.KindOfficial, 45015, outbox.WindowClosed, 0},
		{account.KindOfficial, 45047, outbox.WindowClosed, 0},
		{account.KindOfficial, 45065, outbox.Sent, 0},
		{account.KindOfficial, 45066, outbox.Retry, time.Minute},
		{account.KindOfficial, 50002, outbox.Failed, 0},
		{account.KindOfficial, 48001, outbox.Alarm, 0},
		{account.KindOfficial, 48004, outbox.Alarm, 0},
		{account.KindOfficial, 48006, outbox.Alarm, 0},
		{account.KindOfficial, 99999, outbox.Failed, 0},

		{account.KindMini, 0, outbox.Sent, 0},
		{account.KindMini, -1, outbox.Retry, 2 * time.Second}, // the host's own codes are those of official accounts
		{account.KindMini, 42001, outbox.Alarm, 0},
		{account.KindMini, 47003, outbox.Alarm, 0},
		{account.KindMini, 41030, outbox.Alarm, 0},
		{account.KindMini, 45009, outbox.Paused, day},
		{account.KindMini, 40003, outbox.Failed, 0},
		{account.KindMini, 40164, outbox.Alarm, 0},
		{account.KindMini, 89503, outbox.Alarm, 0},
		{account.KindMini, 40037, outbox.Alarm, 0},
		{account.KindMini, 43101, outbox.Failed, 0},
		{account.KindMini, 48001, outbox.Alarm, 0},
		{account.KindMini, 45015, outbox.WindowClosed, 0},
		{account.KindMini, 50002, outbox.Failed, 0},
		{account.KindMini, 99999, outbox.Failed, 0},

		{account.KindWeCom, 0, outbox.Sent, 0},
		{account.KindWeCom, -1, outbox.Retry, 2 * time.Second},
		{account.KindWeCom, 40001, outbox.Alarm, 0},
		{account.KindWeCom, 40014, outbox.Alarm, 0},
		{account.KindWeCom, 42001, outbox.Alarm, 0},
		{account.KindWeCom, 41001, outbox.Alarm, 0},
		{account.KindWeCom, 40003, outbox.Failed, 0},
		{account.KindWeCom, 60111, outbox.Failed, 0},
		{account.KindWeCom, 81013, outbox.Failed, 0},
		{account.KindWeCom, 82001, outbox.Failed, 0},
		{account.KindWeCom, 40007, outbox.Failed, 0},
		{account.KindWeCom, 40008, outbox.Alarm, 0},
		{account.KindWeCom, 40013, outbox.Alarm, 0},
		{account.KindWeCom, 40056, outbox.Alarm, 0},
		{account.KindWeCom, 40058, outbox.Alarm, 0},
		{account.KindWeCom, 40063, outbox.Alarm, 0},
		{account.KindWeCom, 40035, outbox.Alarm, 0},
		{account.KindWeCom, 40039, outbox.Alarm, 0},
		{account.KindWeCom, 40066, outbox.Alarm, 0},
		{account.KindWeCom, 41006, outbox.Alarm, 0},
		{account.KindWeCom, 41010, outbox.Alarm, 0},
		{account.KindWeCom, 41011, outbox.Alarm, 0},
		{account.KindWeCom, 41016, outbox.Alarm, 0},
		{account.KindWeCom, 41033, outbox.Alarm, 0},
		{account.KindWeCom, 45034, outbox.Alarm, 0},
		{account.KindWeCom, 42014, outbox.Alarm, 0},
		{account.KindWeCom, 44004, outbox.Alarm, 0},
		{account.KindWeCom, 45002, outbox.Failed, 0},
		{account.KindWeCom, 47001, outbox.Alarm, 0},
		{account.KindWeCom, 45009, outbox.Paused, time.Minute},
		{account.KindWeCom, 45033, outbox.Retry, 3 * time.Second},
		{account.KindWeCom, 48002, outbox.Alarm, 0},
		{account.KindWeCom, 50003, outbox.Alarm, 0},
		{account.KindWeCom, 60011, outbox.Alarm, 0},
		{account.KindWeCom, 60020, outbox.Alarm, 0},
		{account.KindWeCom, 60003, outbox.Alarm, 0},
		{account.KindWeCom, 60123, outbox.Alarm, 0},
		{account.KindWeCom, 301002, outbox.Alarm, 0},
		{account.KindWeCom, 84061, outbox.Retry, time.Minute},
		{account.KindWeCom, 40096, outbox.Failed, 0},
		{account.KindWeCom, 84083, outbox.Failed, 0},
		{account.KindWeCom, 41050, outbox.Failed, 0},
		{account.KindWeCom, 41051, outbox.Sent, 0},
		{account.KindWeCom, 41096, outbox.Retry, time.Second},
		{account.KindWeCom, 99999, outbox.Failed, 0},
	}
	now := time.Date(2026, 11, 22, 23, 0, 0, 0, beijing)
	tested := map[account.Kind]map[int]bool{account.KindOfficial: {}, account.KindMini: {}, account.KindWeCom: {}}
	han := regexp.MustCompile(`\p{Han}`)
	for _, r := range rows {
		m := Explain(r.kind, r.code)
		require.Equal(t, r.status, m.Status, "%s %d", r.kind, r.code)
		want := r.after
		if want == day {
			want = time.Hour + 5*time.Minute
		}
		require.Equal(t, want, m.Wait(now), "%s %d", r.kind, r.code)
		if r.code != 0 {
			require.Regexp(t, han, m.What, "%s %d", r.kind, r.code)
			require.Regexp(t, han, m.Do, "%s %d says what to do", r.kind, r.code)
		}
		tested[r.kind][r.code] = true
	}
	for kind, table := range map[account.Kind]map[int]Meaning{account.KindOfficial: official, account.KindMini: mini, account.KindWeCom: wecom} {
		for code := range table {
			require.True(t, tested[kind][code], "%s %d has no row in this test", kind, code)
		}
	}
	for _, code := range []int{40001, 40014, 42001} {
		require.True(t, Explain(account.KindOfficial, code).StaleToken)
		require.True(t, Explain(account.KindMini, code).StaleToken)
		require.True(t, Explain(account.KindWeCom, code).StaleToken)
	}
}

func TestError_carries_a_fault_kind_and_its_cause(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	for code, kind := range map[int]fault.Kind{-1: fault.Unavailable, 45009: fault.Limited, 60011: fault.Denied, 40096: fault.NotFound} {
		e := &Error{Kind: account.KindWeCom, API: "/cgi-bin/x", Code: code, Meaning: Explain(account.KindWeCom, code), Err: cause}
		require.Equal(t, kind, fault.KindOf(e), code)
		require.ErrorIs(t, e, cause)
		require.Contains(t, e.Error(), "/cgi-bin/x")
	}
}
