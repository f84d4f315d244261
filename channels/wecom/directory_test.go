package wecom

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/org"
	"github.com/koi-scrm/koi/channels/simulator"
)

func TestDirectories_read_departments_staff_and_leaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	snaps, err := NewDirectories(w.client, w.accounts).Snapshots(t.Context())
	require.NoError(t, err)
	require.Equal(t, []org.Snapshot{{
		CorpID: simCorp,
		Departments: []org.Department{
			{CorpID: simCorp, ID: 1, Name: "总部"},
			{CorpID: simCorp, ID: 2, ParentID: 1, Name: "销售一部"},
			{CorpID: simCorp, ID: 3, ParentID: 1, Name: "销售二部"},
		},
		Staff: []org.Staff{
			{CorpID: simCorp, UserID: "boss", Name: "老板", Position: "总经理", DepartmentIDs: []int64{1}, LeaderIn: []int64{1}, Leaders: []string{}, Active: true},
			{CorpID: simCorp, UserID: "li", Name: "李雷", Position: "销售", DepartmentIDs: []int64{2, 3}, LeaderIn: []int64{3}, Leaders: []string{"boss"}, Active: true},
			{CorpID: simCorp, UserID: "han", Name: "韩梅梅", DepartmentIDs: []int64{2}, Leaders: []string{"li"}},
		},
	}}, snaps)
}

func TestDirectories_a_corp_that_cannot_be_read_whole_is_left_out(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	// The last department fails: what was read before must not stand for the whole.
	require.NoError(t, w.sim.Misbehave(simulator.Misbehaviour{Path: "/cgi-bin/user/list", Code: 60011, Times: 1}))
	snaps, err := NewDirectories(w.client, w.accounts).Snapshots(t.Context())
	require.True(t, fault.Is(err, fault.Denied), err)
	require.Contains(t, err.Error(), "60011")
	require.Empty(t, snaps)
}
