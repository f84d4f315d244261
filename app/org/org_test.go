package org_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/org"
	"github.com/koi-scrm/koi/app/setting"
)

func newDirectory(s *db.Stores) *org.Directory {
	return org.New(s.Koi, clock.NewManual(time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)))
}

// firm is a corp of two levels: 销售 with 华东 below it, and 市场.
func firm(corp string) org.Snapshot {
	return org.Snapshot{CorpID: corp,
		Departments: []org.Department{{corp, 1, 0, "公司"}, {corp, 2, 1, "销售"}, {corp, 3, 2, "华东"}, {corp, 4, 1, "市场"}},
		Staff: []org.Staff{
			{UserID: "boss", Name: "老板", DepartmentIDs: []int64{1}, LeaderIn: []int64{1}, Active: true},
			{UserID: "chen", Name: "陈静", Position: "总监", DepartmentIDs: []int64{2}, LeaderIn: []int64{2}, Leaders: []string{"boss"}, Active: true},
			{UserID: "wang", Name: "王磊", DepartmentIDs: []int64{3, 4}, Leaders: []string{"chen", "gone"}, Active: true},
			{UserID: "li", Name: "李想", DepartmentIDs: []int64{2}, Active: true},
			{UserID: "gone", Name: "前员工", DepartmentIDs: []int64{2}, LeaderIn: []int64{2}},
		}}
}

func ids(list []org.Staff) (out []string) {
	for _, s := range list {
		out = append(out, s.UserID)
	}
	return out
}

func TestDirectory(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		o := newDirectory(s)
		require.NoError(t, o.Mirror(ctx, firm("ww1")))
		require.NoError(t, o.Mirror(ctx, firm("ww2")))
		require.NoError(t, o.Mirror(ctx, firm("ww1")), "mirroring twice is mirroring once")

		t.Run("answers the same after a restart", func(t *testing.T) {
			again := newDirectory(s)
			require.NoError(t, again.Load(ctx))
			for _, d := range []*org.Directory{o, again} {
				wang, err := d.Get("ww1", "wang")
				require.NoError(t, err)
				require.Equal(t, org.Staff{CorpID: "ww1", UserID: "wang", Name: "王磊", DepartmentIDs: []int64{3, 4}, Leaders: []string{"chen", "gone"}, Active: true}, wang)
				require.Equal(t, firm("ww1").Departments, d.Departments("ww1"))
			}
		})
		t.Run("names leaders: direct ones who are there, else those of the departments", func(t *testing.T) {
			require.Equal(t, []string{"chen"}, ids(o.Leaders("ww1", "wang")))
			require.Equal(t, []string{"chen"}, ids(o.Leaders("ww1", "li")), "WeCom names none")
			require.Equal(t, []string{"boss"}, ids(o.Leaders("ww1", "chen")))
			require.Empty(t, o.Leaders("ww1", "boss"), "nobody leads themselves")
			require.Empty(t, o.Leaders("ww1", "nobody"))
		})
		t.Run("lists active members of a department and of all below it", func(t *testing.T) {
			require.Equal(t, []string{"chen", "li", "wang"}, ids(o.In("ww1", 2)))
			require.Equal(t, []string{"wang"}, ids(o.In("ww1", 4)))
			require.Equal(t, []string{"boss", "chen", "li", "wang"}, ids(o.In("ww1", 1)))
			require.Empty(t, o.In("ww1", 99))
			require.Len(t, o.List(""), 8)
			require.Len(t, o.List("ww2"), 4)
		})
		t.Run("keeps who left as inactive, and takes them back", func(t *testing.T) {
			small := firm("ww1")
			small.Staff = small.Staff[:2]
			require.NoError(t, o.Mirror(ctx, small))
			wang, err := o.Get("ww1", "wang")
			require.NoError(t, err)
			require.False(t, wang.Active)
			require.Equal(t, "王磊", wang.Name)
			require.Equal(t, []string{"boss", "chen"}, ids(o.List("ww1")))
			require.Len(t, o.List("ww2"), 4, "the other corp is left alone")
			require.NoError(t, o.Mirror(ctx, firm("ww1")))
			require.Len(t, o.List("ww1"), 4)
		})
		t.Run("refuses an empty directory, which is what a revoked permission looks like", func(t *testing.T) {
			err := o.Mirror(ctx, org.Snapshot{CorpID: "ww1"})
			require.True(t, fault.Is(err, fault.Invalid), "%v", err)
			require.Len(t, o.List("ww1"), 4)
		})
		t.Run("does not know strangers", func(t *testing.T) {
			_, err := o.Get("ww9", "wang")
			require.True(t, fault.Is(err, fault.NotFound))
		})
		t.Run("survives a tree that is none", func(t *testing.T) {
			require.NoError(t, o.Mirror(ctx, org.Snapshot{CorpID: "loop",
				Departments: []org.Department{{"loop", 1, 2, "甲"}, {"loop", 2, 1, "乙"}, {"loop", 3, 99, "丙"}},
				Staff:       []org.Staff{{UserID: "a", DepartmentIDs: []int64{1, 3, 3}, Active: true}}}))
			require.Equal(t, []string{"a"}, ids(o.In("loop", 2)))
			require.Empty(t, o.In("loop", 4))
		})
	})
}

func TestDirectory_staff_given_by_hand_lies_under_the_mirror(t *testing.T) {
	t.Parallel()
	s := dbtest.SQLite(t)
	o := newDirectory(s)
	given, problems := org.Compile([]setting.Item{
		{Kind: org.KindStaff, Key: "ww1/wang", Body: json.RawMessage(`{"name":"另一个王磊"}`)},
		{Kind: org.KindStaff, Key: "ww1/zhao", Body: json.RawMessage(`{"name":"赵敏","leaders":["wang"]}`)},
		{Kind: setting.KindTag, Key: "x", Body: json.RawMessage(`{}`)},
	})
	require.Empty(t, problems)
	o.Use(given)
	require.NoError(t, o.Mirror(t.Context(), firm("ww1")))
	wang, err := o.Get("ww1", "wang")
	require.NoError(t, err)
	require.Equal(t, "王磊", wang.Name)
	require.Equal(t, []string{"wang"}, ids(o.Leaders("ww1", "zhao")))

	_, problems = org.Compile([]setting.Item{{Kind: org.KindStaff, Key: "zhao", Body: json.RawMessage(`{}`)}})
	require.Len(t, problems, 2)
}

// source gives out snapshots as WeCom would, or fails.
type source struct {
	mu    sync.Mutex
	asked chan struct{}
	snaps []org.Snapshot
	err   error
}

func (s *source) Snapshots(context.Context) ([]org.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked <- struct{}{}
	return s.snaps, s.err
}

func TestDirectory_Run_mirrors_at_start_and_when_told(t *testing.T) {
	t.Parallel()
	o := newDirectory(dbtest.SQLite(t))
	src := &source{asked: make(chan struct{}, 10), snaps: []org.Snapshot{firm("ww1")}, err: errors.New("ww2 cannot be read")}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- o.Run(ctx, src) }()
	<-src.asked
	src.mu.Lock()
	src.snaps, src.err = []org.Snapshot{firm("ww1"), firm("ww2")}, nil
	src.mu.Unlock()
	o.SyncSoon()
	<-src.asked
	o.SyncSoon()
	<-src.asked // the sync before is done
	require.Len(t, o.List("ww1"), 4, "one corp's failure does not keep the others from being mirrored")
	require.Len(t, o.List("ww2"), 4)
	cancel()
	require.NoError(t, <-done)
}

// Whoever loads last must not put an older reading over a newer one.
func TestDirectory_loads_at_once_end_with_the_newest(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		o := newDirectory(s)
		var wg sync.WaitGroup
		stop := make(chan struct{})
		for range 4 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						require.NoError(t, o.Load(t.Context()))
					}
				}
			})
		}
		for i := range 60 {
			snap := firm("ww1")
			snap.Staff[0].Name = fmt.Sprint("老板", i)
			require.NoError(t, o.Mirror(t.Context(), snap))
			boss, err := o.Get("ww1", "boss")
			require.NoError(t, err)
			require.Equal(t, snap.Staff[0].Name, boss.Name, "what was mirrored shows")
		}
		close(stop)
		wg.Wait()
	})
}
