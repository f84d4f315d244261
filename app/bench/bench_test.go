package bench

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/apptest"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/fault"
)

// small runs prove that a benchmark works and counts right. What they measure means nothing, so nothing
// here looks at a time.
func small(t *testing.T, o Options) Options {
	o.Koi, o.Limit, o.calm = apptest.Binary(t), 3*time.Minute, 300*time.Millisecond
	o.Notes = t.Output()
	return o
}

// onBoth runs a benchmark on both engines.
func onBoth(t *testing.T, body func(t *testing.T, o Options)) {
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); body(t, Options{Driver: db.SQLite}) })
	t.Run("mysql", func(t *testing.T) {
		t.Parallel()
		body(t, Options{Driver: db.MySQL, DSN: dbtest.EmptyMySQLDSN(t)})
	})
}

// met fails for every figure whose goal is a count that is not met.
func met(t *testing.T, r *Report, keys ...string) {
	t.Helper()
	for _, key := range keys {
		f := r.find(key)
		require.NotNil(t, f.Met, "no figure %s in %v", key, r.Figures)
		require.True(t, *f.Met, "%s is %v, expected %s", f.Name, f.Value, f.Goal)
	}
}

func TestAdmission_counts_every_answered_callback_in_the_log(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, o Options) {
		o.People, o.Rate, o.Seconds = 50, 100, 2
		r, err := Admission(t.Context(), small(t, o))
		require.NoError(t, err)
		met(t, r, "admission_errors", "log_rows")
		require.EqualValues(t, 100+200+2000, r.Value("log_rows"))
		require.NotZero(t, r.Processes["koi"])
	})
}

func TestPipeline_applies_the_whole_backlog_and_repeats_it_bare(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, o Options) {
		o.People, o.Events = 50, 200
		r, err := Pipeline(t.Context(), small(t, o))
		require.NoError(t, err)
		met(t, r, "unapplied", "dead")
		require.Positive(t, r.Value("bare_rate"))
		require.Positive(t, r.Value("statements"))
		require.Positive(t, r.Value("rows_events"))
	})
}

func TestLatency_sees_an_answer_to_every_keyword(t *testing.T) {
	t.Parallel()
	o := small(t, Options{People: 100, Rate: 50, Seconds: 2})
	r, err := Latency(t.Context(), o)
	require.NoError(t, err)
	met(t, r, "at50_errors", "at50_unanswered")
	require.Positive(t, r.Value("at50_keywords"))
}

func TestSend_delivers_each_message_once_and_settles_its_row(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, o Options) {
		o.People, o.Events, o.Rate, o.Seconds = 50, 300, 50, 2
		r, err := Send(t.Context(), small(t, o))
		require.NoError(t, err)
		met(t, r, "errors", "backlog_rows", "backlog_sent", "backlog_deliveries", "backlog_repeats", "outage_errors", "outage_rows", "outage_sent", "outage_deliveries", "outage_repeats", "at_lost", "at_repeats")
		require.EqualValues(t, 300, r.Value("backlog_rows"))
		require.Positive(t, r.Value("bare_rate"))
		require.Positive(t, r.find("send_rate").Ratio)
	})
}

func TestWelcome_greets_every_new_friend_once(t *testing.T) {
	t.Parallel()
	o := small(t, Options{People: 100, Rate: 110, Seconds: 2})
	r, err := Welcome(t.Context(), o)
	require.NoError(t, err)
	met(t, r, "errors", "unwelcomed", "welcomed_twice", "refused")
	require.EqualValues(t, 20, r.Value("friends"))
}

func TestData_writes_people_that_Koi_knows(t *testing.T) {
	t.Parallel()
	o := small(t, Options{People: 300, Dir: t.TempDir()})
	r, err := Data(t.Context(), o)
	require.NoError(t, err)
	require.Greater(t, r.Value("people_rows"), 300.0*8)
	again, err := Data(t.Context(), o)
	require.NoError(t, err)
	require.Zero(t, again.Value("people_rows"), "a filled directory is used as it is")
	require.Equal(t, 300, again.People)
}

func TestReport_is_a_table_for_people_and_JSON_for_machines(t *testing.T) {
	t.Parallel()
	r := newReport("test", Options{Driver: db.SQLite, People: 7})
	r.add("disk", "磁盘", 4, "次/秒")
	r.add("rate", "速度", 2, "条/秒").to(r, "disk").atLeast(.6)
	var text, machine bytes.Buffer
	r.Print(&text)
	require.Contains(t, text.String(), "速度  2 条/秒  0.500 × 磁盘  ≥ 0.600 ✓")
	require.NoError(t, r.JSON(&machine))
	var back Report
	require.NoError(t, json.Unmarshal(machine.Bytes(), &back))
	require.Equal(t, r.Figures, back.Figures)
}

func TestOptions_refuse_what_would_fill_the_disk(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{People: -1}, {People: 1 << 40}, {Rate: 100_000, Seconds: 600}, {Driver: "oracle"}, {Driver: db.MySQL}} {
		_, err := Data(t.Context(), o)
		require.True(t, fault.Is(err, fault.Invalid), "%+v: %v", o, err)
	}
}

func TestGauges_estimate_quantiles_within_buckets(t *testing.T) {
	t.Parallel()
	g := gauges{`h_bucket{le="0.1"}`: 50, `h_bucket{le="0.2"}`: 100, `h_bucket{le="+Inf"}`: 100}
	require.InDelta(t, 0.1, g.quantile("h", gauges{}, .5), 1e-9)
	require.InDelta(t, 0.15, g.quantile("h", gauges{}, .75), 1e-9)
	require.Zero(t, g.quantile("h", g, .5))
}
