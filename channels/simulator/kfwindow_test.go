package simulator

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/koi-scrm/koi/app/clock"
)

const kfPath = "/cgi-bin/message/custom/send"

func (r *rig) kf(text string) int {
	r.t.Helper()
	return code(r.as("official", kfPath, kfText("oChen", text)))
}

func TestKFWindow_takes_five_messages_within_48_hours_after_the_user_wrote(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	require.Equal(t, 45015, r.kf("too early"))
	r.play(Act{Who: "oChen", Do: "say", With: "报价", App: testApp})
	for range 5 {
		require.Zero(t, r.kf("hi"))
	}
	require.Equal(t, 45047, r.kf("one too many"))
	r.play(Act{Who: "oChen", Do: "say", With: "再问一下", App: testApp})
	r.clock.Advance(48*time.Hour - time.Millisecond)
	r.kept = map[string]string{} // two days outlive a token
	require.Zero(t, r.kf("at the last moment"))
	r.clock.Advance(time.Millisecond)
	require.Equal(t, 45015, r.kf("48 h later"))
}

func TestKFWindow_takes_any_number_of_messages_when_quotas_are_lifted(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Quotas = map[string]int{"*": unlimited} })
	require.Equal(t, 45015, r.kf("before they wrote"))
	r.play(Act{Who: "oChen", Do: "say", With: "报价", App: testApp})
	for range 20 {
		require.Zero(t, r.kf("hi"))
	}
}

func TestKFWindow_takes_three_messages_within_a_minute_after_a_follow_a_scan_or_a_menu_click(t *testing.T) {
	t.Parallel()
	for _, do := range []string{"menu", "scan", "choose", "follow"} {
		t.Run(do, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			if do == "follow" {
				r.play(Act{Who: "oChen", Do: "unfollow", App: testApp})
				require.Equal(t, 43004, r.kf("gone"))
			}
			r.play(Act{Who: "oChen", Do: do, With: "price", App: testApp})
			for range 3 {
				require.Zero(t, r.kf("hi"))
			}
			require.Equal(t, 45047, r.kf("one too many"))
			r.clock.Advance(time.Minute)
			require.Equal(t, 45015, r.kf("a minute later"))
		})
	}
}

func TestKFWindow_stays_shut_for_menu_links_and_positions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.play(Act{Who: "oChen", Do: "menu_link", With: "https://example.com", App: testApp})
	r.play(Act{Who: "oChen", Do: "location", With: "31.2, 121.5", App: testApp})
	require.Equal(t, 45015, r.kf("hi"))
}

func TestKFWindow_short_one_is_used_before_the_long_one(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.play(Act{Who: "oChen", Do: "say", With: "hi", App: testApp})
	r.play(Act{Who: "oChen", Do: "menu", With: "price", App: testApp})
	for range 3 {
		require.Zero(t, r.kf("from the short one"))
	}
	r.clock.Advance(time.Minute)
	for range 5 {
		require.Zero(t, r.kf("from the long one"))
	}
	require.Equal(t, 45047, r.kf("no more"))
}

// Whatever people do in whatever order, the windows agree with a plain count of what was allowed when.
func TestKFWindow_agrees_with_a_plain_count_whatever_happens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		cfg := testConfig()
		manual := clock.NewManual(at)
		cfg.Clock = manual
		s, err := New(cfg)
		require.NoError(rt, err)
		f := s.appIDs[testApp].followers["oChen"]
		var long, short struct {
			since time.Time
			left  int
		}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			now := manual.Now()
			longOpen := long.left >= 0 && !long.since.IsZero() && now.Sub(long.since) < 48*time.Hour
			shortOpen := !short.since.IsZero() && now.Sub(short.since) < time.Minute
			switch rapid.SampledFrom([]string{"say", "menu", "send", "send", "send", "wait"}).Draw(rt, "step") {
			case "say":
				_, err := s.Act(context.Background(), Act{Who: "oChen", App: testApp, Do: "say", With: "hi"})
				require.NoError(rt, err)
				long.since, long.left = now, 5
			case "menu":
				_, err := s.Act(context.Background(), Act{Who: "oChen", App: testApp, Do: "menu", With: "k"})
				require.NoError(rt, err)
				short.since, short.left = now, 3
			case "wait":
				manual.Advance(time.Duration(rapid.SampledFrom([]int{1, 20, 59, 60, 3600, 47 * 3600, 48 * 3600}).Draw(rt, "seconds")) * time.Second)
			case "send":
				want := 45015
				switch {
				case shortOpen && short.left > 0:
					short.left--
					want = 0
				case longOpen && long.left > 0:
					long.left--
					want = 0
				case shortOpen || longOpen:
					want = 45047
				}
				require.Equal(rt, want, f.spend(now.UnixMilli()))
			}
		}
	})
}
