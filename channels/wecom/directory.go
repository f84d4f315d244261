package wecom

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/ArtisanCloud/PowerLibs/v3/object"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/org"
)

// Directories reads the corps' directories. It implements org.Source.
type Directories struct {
	client   *Client
	accounts *account.Directory
}

// NewDirectories makes a reader of the directories of all corps that accounts knows.
func NewDirectories(client *Client, accounts *account.Directory) *Directories {
	return &Directories{client: client, accounts: accounts}
}

// Snapshots implements org.Source. An app sees only its 可见范围, so what several apps of one corp see is
// put together; when one of them cannot be read, its corp is left out as a whole: who stands in no snapshot
// counts as gone.
func (d *Directories) Snapshots(ctx context.Context) ([]org.Snapshot, error) {
	var list []org.Snapshot
	var errs []error
	apps := d.accounts.WeComs() // by corp
	for len(apps) > 0 {
		corp := apps[0].CorpID
		snap, err := org.Snapshot{CorpID: corp}, error(nil)
		for len(apps) > 0 && apps[0].CorpID == corp {
			if err == nil {
				err = d.add(ctx, &snap, apps[0])
			}
			apps = apps[1:]
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("directory of %s: %w", corp, err))
			continue
		}
		list = append(list, snap)
	}
	return list, errors.Join(errs...)
}

// add puts what one app sees into the snapshot: one call for the tree, one for each department.
func (d *Directories) add(ctx context.Context, snap *org.Snapshot, acc account.WeCom) error {
	departments, err := d.client.departments(ctx, acc)
	if err != nil {
		return err
	}
	known := map[int64]bool{}
	for _, x := range snap.Departments {
		known[x.ID] = true
	}
	seen := map[string]bool{} // a member stands in the list of each of their departments
	for _, x := range snap.Staff {
		seen[x.UserID] = true
	}
	for _, x := range departments {
		if !known[x.ID] {
			snap.Departments = append(snap.Departments, x)
		}
		staff, err := d.client.staff(ctx, acc, x.ID)
		if err != nil {
			return err
		}
		for _, s := range staff {
			if !seen[s.UserID] {
				seen[s.UserID] = true
				snap.Staff = append(snap.Staff, s)
			}
		}
	}
	return nil
}

func (c *Client) departments(ctx context.Context, acc account.WeCom) ([]org.Department, error) {
	var tree struct {
		Departments []struct {
			ID       int64  `json:"id"`
			ParentID int64  `json:"parentid"`
			Name     string `json:"name"`
		} `json:"department"`
	}
	_, err := c.do(ctx, acc.Credential(), func(a *app) error {
		// Department.List insists on an id; without one the platform lists all the app may see (path/90208).
		_, err := a.Department.BaseClient.HttpGet(context.Background(), "cgi-bin/department/list", nil, nil, &tree)
		return err
	})
	if err != nil {
		return nil, err
	}
	list := make([]org.Department, 0, len(tree.Departments))
	for _, d := range tree.Departments {
		list = append(list, org.Department{CorpID: acc.CorpID, ID: d.ID, ParentID: d.ParentID, Name: d.Name})
	}
	return list, nil
}

// member is how user/list describes a member (path/90201). PowerWeChat's own type for it has no
// direct_leader, and fails as a whole when one of thirty other fields has another type.
type member struct {
	UserID         string   `json:"userid"`
	Name           string   `json:"name"`
	Position       string   `json:"position"`
	Department     []int64  `json:"department"`
	IsLeaderInDept []int    `json:"is_leader_in_dept"` // 0 or 1 for each of department, in its order
	DirectLeader   []string `json:"direct_leader"`
	Status         int      `json:"status"` // 1 active, 2 disabled, 4 not activated, 5 left
}

func (c *Client) staff(ctx context.Context, acc account.WeCom, departmentID int64) ([]org.Staff, error) {
	var list struct {
		Members []member `json:"userlist"`
	}
	_, err := c.do(ctx, acc.Credential(), func(a *app) error {
		query := &object.StringMap{"department_id": strconv.FormatInt(departmentID, 10)}
		_, err := a.User.BaseClient.HttpGet(context.Background(), "cgi-bin/user/list", query, nil, &list)
		return err
	})
	if err != nil {
		return nil, err
	}
	staff := make([]org.Staff, 0, len(list.Members))
	for _, m := range list.Members {
		staff = append(staff, m.staff(acc.CorpID))
	}
	return staff, nil
}

func (m member) staff(corpID string) org.Staff {
	s := org.Staff{CorpID: corpID, UserID: m.UserID, Name: m.Name, Position: m.Position, DepartmentIDs: m.Department,
		Leaders: m.DirectLeader, Active: m.Status == 0 || m.Status == 1} // without the right to see it, it is missing
	for i, leads := range m.IsLeaderInDept {
		if leads == 1 && i < len(m.Department) {
			s.LeaderIn = append(s.LeaderIn, m.Department[i])
		}
	}
	return s
}
