package wecom

import (
	"context"
	"strconv"

	"github.com/ArtisanCloud/PowerLibs/v3/object"

	"github.com/koi-scrm/koi/app/account"
)

// Department is a node of the corp's tree, as far as the app may see it.
type Department struct {
	ID       int
	ParentID int // 0 for the root, or an ID the app may not see
	Name     string
}

// MemberStatus is a member's state in WeCom (path/90196).
type MemberStatus int

// The states.
const (
	MemberActive   MemberStatus = 1 // 已激活
	MemberDisabled MemberStatus = 2 // 已禁用
	MemberInactive MemberStatus = 4 // 未激活: gets no messages
	MemberLeft     MemberStatus = 5 // 退出企业
)

// Member is a staff member.
type Member struct {
	UserID        string
	Name          string
	Position      string
	DepartmentIDs []int
	LeaderIn      []int    // those of DepartmentIDs the member leads
	DirectLeaders []string // 直属上级, by userid
	Status        MemberStatus
}

// Snapshot is the directory as the app sees it at one moment.
type Snapshot struct {
	CorpID      string
	Departments []Department
	Members     []Member
}

// Directory fetches departments and their members, limited to the app's 可见范围: one call for the tree and
// one for each department. Errors are *wechat.Error; nothing is returned in part, so that
// whoever mirrors the directory never takes a failed call for people who left.
func (c *Client) Directory(ctx context.Context, acc account.WeCom) (Snapshot, error) {
	snap := Snapshot{CorpID: acc.CorpID}
	var tree struct {
		Departments []struct {
			ID       int    `json:"id"`
			ParentID int    `json:"parentid"`
			Name     string `json:"name"`
		} `json:"department"`
	}
	_, err := c.do(ctx, acc.Credential(), func(a *app) error {
		// Department.List insists on an id; without one the platform lists all the app may see.
		_, err := a.Department.BaseClient.HttpGet(context.Background(), "cgi-bin/department/list", nil, nil, &tree)
		return err
	})
	if err != nil {
		return Snapshot{}, err
	}
	seen := map[string]bool{} // a member stands in the list of each of their departments
	for _, d := range tree.Departments {
		snap.Departments = append(snap.Departments, Department(d))
		members, err := c.members(ctx, acc, d.ID)
		if err != nil {
			return Snapshot{}, err
		}
		for _, m := range members {
			if !seen[m.UserID] {
				seen[m.UserID] = true
				snap.Members = append(snap.Members, m)
			}
		}
	}
	return snap, nil
}

// user is how user/list and user/get describe a member. PowerWeChat's own type for the list has no
// direct_leader, and both of its types fail as a whole when one of thirty fields has another type.
type user struct {
	UserID         string   `json:"userid"`
	Name           string   `json:"name"`
	Position       string   `json:"position"`
	Department     []int    `json:"department"`
	IsLeaderInDept []int    `json:"is_leader_in_dept"` // 0 or 1 for each of department, in its order
	DirectLeader   []string `json:"direct_leader"`
	Status         int      `json:"status"`
}

func (c *Client) members(ctx context.Context, acc account.WeCom, departmentID int) ([]Member, error) {
	var list struct {
		Users []user `json:"userlist"`
	}
	_, err := c.do(ctx, acc.Credential(), func(a *app) error {
		query := &object.StringMap{"department_id": strconv.Itoa(departmentID)}
		_, err := a.User.BaseClient.HttpGet(context.Background(), "cgi-bin/user/list", query, nil, &list)
		return err
	})
	if err != nil {
		return nil, err
	}
	members := make([]Member, 0, len(list.Users))
	for _, u := range list.Users {
		members = append(members, u.member())
	}
	return members, nil
}

// Member fetches one staff member, for a change event. An unknown userid is an *wechat.Error with fault NotFound.
func (c *Client) Member(ctx context.Context, acc account.WeCom, userID string) (Member, error) {
	var got user
	_, err := c.do(ctx, acc.Credential(), func(a *app) error {
		_, err := a.User.BaseClient.HttpGet(context.Background(), "cgi-bin/user/get", &object.StringMap{"userid": userID}, nil, &got)
		return err
	})
	if err != nil {
		return Member{}, err
	}
	return got.member(), nil
}

func (u user) member() Member {
	m := Member{UserID: u.UserID, Name: u.Name, Position: u.Position, DepartmentIDs: u.Department,
		DirectLeaders: u.DirectLeader, Status: MemberStatus(u.Status)}
	for i, leads := range u.IsLeaderInDept {
		if leads == 1 && i < len(u.Department) {
			m.LeaderIn = append(m.LeaderIn, u.Department[i])
		}
	}
	return m
}
