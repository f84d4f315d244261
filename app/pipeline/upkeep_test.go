package pipeline_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/pipeline"
)

var week = pipeline.Retention{Log: 7 * 24 * time.Hour, DeadLetters: 90 * 24 * time.Hour, Events: 300 * 24 * time.Hour, Seen: 8 * 24 * time.Hour}

func TestUpkeep_Purge(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.start(t)
		up := pipeline.NewUpkeep(r.pipe, r.timeline, week, "node-1")
		old, err := r.log.Append(ctx, r.say("old", event.Normal, openID("A")))
		require.NoError(t, err)
		r.wait(t, event.Normal, old[0].Seq)

		rows := func(table string) int { return count(t, s, "SELECT COUNT(*) FROM "+table) }
		logged := func() (n int) {
			require.NoError(t, s.Log.QueryRow(ctx, "SELECT COUNT(*) FROM log").Scan(&n))
			return n
		}
		require.NoError(t, up.Purge(ctx))
		require.Equal(t, 1, logged())
		require.Equal(t, 1, rows("seen"))

		r.clock.Advance(8 * 24 * time.Hour)
		fresh, err := r.log.Append(ctx, r.say("fresh", event.Normal, openID("A")))
		require.NoError(t, err)
		r.wait(t, event.Normal, fresh[0].Seq)
		require.NoError(t, up.Purge(ctx))
		require.Equal(t, 1, logged(), "the young row stays")

		r.clock.Advance(24 * time.Hour)
		require.NoError(t, up.Purge(ctx))
		require.Equal(t, 1, rows("seen"))
		require.Equal(t, 3, rows("events"), "the timeline lives longer")
		r.clock.Advance(310 * 24 * time.Hour)
		require.NoError(t, up.Purge(ctx))
		require.Zero(t, rows("events"))
		require.Zero(t, rows("seen"))
	})
}

func TestUpkeep_Gaps(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		beat := func(up *pipeline.Upkeep) { require.NoError(t, up.Beat(ctx)) }
		first := pipeline.NewUpkeep(r.pipe, r.timeline, week, "node-1")
		beat(first)
		r.clock.Advance(5 * time.Second)
		beat(first)
		down := r.clock.Wall().UnixMilli()
		r.clock.Advance(3 * time.Minute)
		second := pipeline.NewUpkeep(r.pipe, r.timeline, week, "node-1")
		beat(second)
		back := r.clock.Wall().UnixMilli()
		r.clock.Advance(2 * time.Second)
		beat(pipeline.NewUpkeep(r.pipe, r.timeline, week, "node-1")) // a quick restart is no gap
		gaps, err := second.Gaps(ctx, 0)
		require.NoError(t, err)
		require.Equal(t, []pipeline.Gap{{From: down, To: back}}, gaps)

		beat(second)
		r.clock.Advance(time.Minute) // the database was away under a running Koi
		beat(second)
		gaps, err = second.Gaps(ctx, 0)
		require.NoError(t, err)
		require.Len(t, gaps, 2)
	})
}

// What a batch of 500 costs in statements and rows, by stage: a new hot-path table shows here.
func TestPipeline_statements_of_a_batch(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := dbtest.SQLite(t)
	r := newRig(t, s)
	stop := r.start(t)
	var list []*event.Event
	for i := range 500 {
		list = append(list, r.say(fmt.Sprint("w", i), event.Normal, openID(fmt.Sprint(i%100))))
	}
	got, err := r.log.Append(ctx, list...)
	require.NoError(t, err)
	r.wait(t, event.Normal, got[499].Seq)
	stop()

	r = newRig(t, s) // as after a restart: everything is read from tables
	go func() { _ = r.log.Run(t.Context()) }()
	for i := range list {
		list[i] = r.say(fmt.Sprint("x", i), event.Normal, openID(fmt.Sprint(i%100)))
	}
	_, err = r.log.Append(ctx, list...)
	require.NoError(t, err)
	r.pipe.BatchOf(500)
	_, err = r.pipe.RunOnce(ctx)
	require.NoError(t, err)
	costs := r.pipe.Costs()
	for _, c := range costs {
		t.Logf("%-10s load %2d statements, flush %2d statements, %4d rows", c.Stage, c.LoadStatements, c.FlushStatements, c.Rows)
		require.LessOrEqual(t, c.LoadStatements, 16, c.Stage)
		require.LessOrEqual(t, c.FlushStatements, 16, c.Stage)
	}
}

// A beat that could not be written did not happen: the outage has to be told afterwards.
func TestUpkeep_a_failed_beat_leaves_no_trace(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := dbtest.SQLite(t)
	r := newRig(t, s)
	run := func(q string) {
		require.NoError(t, s.Koi.Tx(ctx, func(tx *db.Tx) error { _, err := tx.Exec(ctx, q); return err }))
	}
	full := func() {
		for _, verb := range []string{"INSERT", "UPDATE"} {
			run("CREATE TRIGGER full_" + verb + " BEFORE " + verb + " ON heartbeats BEGIN SELECT RAISE(ABORT, 'no room'); END")
		}
	}
	room := func() {
		run("DROP TRIGGER full_INSERT")
		run("DROP TRIGGER full_UPDATE")
	}
	up := pipeline.NewUpkeep(r.pipe, r.timeline, week, "node-1")
	full()
	require.Error(t, up.Beat(ctx))
	room()
	require.NoError(t, up.Beat(ctx))
	require.Equal(t, 1, count(t, s, "SELECT COUNT(*) FROM heartbeats"), "the first beat that can be written begins the row")

	full()
	down := r.clock.Wall().UnixMilli()
	for range 20 {
		r.clock.Advance(5 * time.Second)
		require.Error(t, up.Beat(ctx))
	}
	room()
	r.clock.Advance(5 * time.Second)
	require.NoError(t, up.Beat(ctx))
	gaps, err := up.Gaps(ctx, 0)
	require.NoError(t, err)
	require.Equal(t, []pipeline.Gap{{From: down, To: r.clock.Wall().UnixMilli()}}, gaps)
}

func TestUpkeep_Purge_forgets_seen_facts_by_day(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		today := epoch.UnixMilli() / 86_400_000
		var rows [][]any
		for day := today - 10; day <= today; day++ {
			for i := range 300 {
				h := sha256.Sum256(fmt.Append(nil, day, i))
				rows = append(rows, []any{day, h[:16]})
			}
		}
		require.NoError(t, s.Koi.Tx(ctx, func(tx *db.Tx) error { return tx.Insert(ctx, "seen", []string{"day", "hash"}, rows) }))
		statements := 0
		s.Koi.Watch(func(list []db.Statement) { statements += len(list) })
		up := pipeline.NewUpkeep(r.pipe, r.timeline, week, "node-1")
		require.NoError(t, up.Purge(ctx))
		s.Koi.Watch(nil)
		require.Equal(t, 9*300, count(t, s, "SELECT COUNT(*) FROM seen"))
		require.Less(t, statements, 40, "rows go in ranges, not one by one")
	})
}
