// Package org is our own side: staff, their departments and leaders, mirrored from the WeCom directory at
// start, daily and when WeCom says it changed, and who of them has which role in Koi, as it is told. It
// answers from memory, since the pipeline asks it for every alert. It refuses to know customers, and it
// never writes to WeCom.
package org

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/setting"
)

// Staff is one member of a corp.
type Staff struct {
	CorpID        string
	UserID        string
	Name          string
	Position      string
	DepartmentIDs []int64
	LeaderIn      []int64  // departments this member leads
	Leaders       []string // direct_leader, by userid
	Active        bool
}

// Department is one node of a corp's tree; the root has ParentID 0.
type Department struct {
	CorpID   string
	ID       int64
	ParentID int64
	Name     string
}

// Snapshot is a corp's directory as WeCom gives it.
type Snapshot struct {
	CorpID      string
	Departments []Department
	Staff       []Staff
}

// KindStaff is the setting kind of staff given by hand: for corps whose directory the app may not read,
// and for trying things out. Its key is "CorpID/userid". What WeCom says of a member goes before it.
const KindStaff = "staff"

// Given is the body of such a definition.
type Given struct {
	Name     string   `json:"name"`
	Position string   `json:"position,omitempty"`
	Leaders  []string `json:"leaders,omitempty"` // userids of direct leaders
}

// Compile reads the definitions of kind staff.
func Compile(items []setting.Item) ([]Staff, []fault.Problem) {
	var out []Staff
	var problems []fault.Problem
	for _, it := range items {
		if it.Kind != KindStaff {
			continue
		}
		var g Given
		if err := setting.Decode(it.Body, &g); err != nil {
			problems = append(problems, setting.Problem(it.Kind, it.Key, "", "员工写法不对：%v", err))
			continue
		}
		corp, user, ok := strings.Cut(it.Key, "/")
		if !ok || corp == "" || user == "" {
			problems = append(problems, setting.Problem(it.Kind, it.Key, "", "员工的 key 应形如 CorpID/userid"))
		}
		if g.Name == "" {
			problems = append(problems, setting.Problem(it.Kind, it.Key, "name", "缺少姓名"))
		}
		out = append(out, Staff{CorpID: corp, UserID: user, Name: g.Name, Position: g.Position, Leaders: g.Leaders, Active: true})
	}
	return out, problems
}

// Source reads a corp's directory; implemented by channels/wecom.
type Source interface {
	// Snapshots returns the directory of every connected corp. A corp that cannot be read is left out and
	// reported in the error; the others are still returned.
	Snapshots(ctx context.Context) ([]Snapshot, error)
}

type key struct{ corp, user string }

type view struct {
	staff       map[key]Staff
	departments map[string]map[int64]Department
	roles       map[string][]key
}

// Directory is the mirror.
type Directory struct {
	db    *db.DB
	clock clock.Clock
	roles func(context.Context) (map[string][]string, error)
	view  atomic.Pointer[view]
	given atomic.Pointer[[]Staff]
	again chan struct{}
	load  sync.Mutex // from reading until view is set, so that no older reading replaces a newer one
}

// New makes a directory on a migrated database; it is empty until Load.
func New(d *db.DB, clk clock.Clock) *Directory {
	o := &Directory{db: d, clock: clk, again: make(chan struct{}, 1)}
	o.view.Store(&view{staff: map[key]Staff{}, departments: map[string]map[int64]Department{}})
	return o
}

// Get returns a member, also one who left (Active is false then). Fault: NotFound.
func (o *Directory) Get(corpID, userID string) (Staff, error) {
	s, ok := o.view.Load().staff[key{corpID, userID}]
	if !ok {
		return Staff{}, fault.New(fault.NotFound, "通讯录里没有员工 %s：请确认企业微信通讯录已同步", userID)
	}
	return s, nil
}

// Leaders returns the active direct leaders of a member; where WeCom names none, the leaders of the
// member's departments, without the member.
func (o *Directory) Leaders(corpID, userID string) []Staff {
	v := o.view.Load()
	s := v.staff[key{corpID, userID}]
	var out []Staff
	for _, id := range s.Leaders {
		if l, ok := v.staff[key{corpID, id}]; ok && l.Active {
			out = append(out, l)
		}
	}
	if len(out) > 0 || len(s.DepartmentIDs) == 0 {
		return out
	}
	for _, l := range o.List(corpID) {
		if l.UserID != userID && slices.ContainsFunc(l.LeaderIn, func(d int64) bool { return slices.Contains(s.DepartmentIDs, d) }) {
			out = append(out, l)
		}
	}
	return out
}

// List returns a corp's active members by userid, or those of all corps when corpID is "".
func (o *Directory) List(corpID string) []Staff {
	var out []Staff
	for k, s := range o.view.Load().staff {
		if s.Active && (corpID == "" || k.corp == corpID) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b Staff) int {
		if c := strings.Compare(a.CorpID, b.CorpID); c != 0 {
			return c
		}
		return strings.Compare(a.UserID, b.UserID)
	})
	return out
}

// In returns the active members of a department and of all below it.
func (o *Directory) In(corpID string, departmentID int64) []Staff {
	tree := o.view.Load().departments[corpID]
	below := func(d int64) bool {
		for range len(tree) + 1 {
			if d == departmentID {
				return true
			}
			d = tree[d].ParentID
		}
		return false
	}
	return slices.DeleteFunc(o.List(corpID), func(s Staff) bool { return !slices.ContainsFunc(s.DepartmentIDs, below) })
}

// InRole lists the active members whose user has a role in Koi (see RolesFrom).
func (o *Directory) InRole(role string) []Staff {
	v := o.view.Load()
	var out []Staff
	for _, k := range v.roles[role] {
		if s, ok := v.staff[k]; ok && s.Active {
			out = append(out, s)
		}
	}
	return out
}

// RolesFrom says where Load reads who has which role: members as "CorpID/userid", by role. Call it before
// the first Load.
func (o *Directory) RolesFrom(read func(context.Context) (map[string][]string, error)) {
	o.roles = read
}

// Departments returns a corp's departments by id.
func (o *Directory) Departments(corpID string) []Department {
	var out []Department
	for _, d := range o.view.Load().departments[corpID] {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b Department) int { return int(a.ID - b.ID) })
	return out
}

// Use takes over the staff given by hand; Load follows, to lay them under the mirror.
func (o *Directory) Use(given []Staff) { o.given.Store(&given) }

// Load reads the mirror into memory.
func (o *Directory) Load(ctx context.Context) error {
	o.load.Lock()
	defer o.load.Unlock()
	v := &view{staff: map[key]Staff{}, departments: map[string]map[int64]Department{}, roles: map[string][]key{}}
	each := func(query string, scan func(*sql.Rows) error) error {
		rows, err := o.db.Query(ctx, query)
		if err != nil {
			return fmt.Errorf("load directory: %w", err)
		}
		return db.Each(rows, scan)
	}
	err := each("SELECT corp_id, user_id, name, position, active FROM staff", func(r *sql.Rows) error {
		var s Staff
		if err := r.Scan(&s.CorpID, &s.UserID, &s.Name, &s.Position, &s.Active); err != nil {
			return err
		}
		v.staff[key{s.CorpID, s.UserID}] = s
		return nil
	})
	if err != nil {
		return err
	}
	err = each("SELECT corp_id, user_id, department_id, leads FROM staff_departments ORDER BY department_id", func(r *sql.Rows) error {
		var k key
		var d int64
		var leads bool
		if err := r.Scan(&k.corp, &k.user, &d, &leads); err != nil {
			return err
		}
		s := v.staff[k]
		s.DepartmentIDs = append(s.DepartmentIDs, d)
		if leads {
			s.LeaderIn = append(s.LeaderIn, d)
		}
		v.staff[k] = s
		return nil
	})
	if err != nil {
		return err
	}
	err = each("SELECT corp_id, user_id, leader_id FROM staff_leaders ORDER BY leader_id", func(r *sql.Rows) error {
		var k key
		var l string
		if err := r.Scan(&k.corp, &k.user, &l); err != nil {
			return err
		}
		s := v.staff[k]
		s.Leaders = append(s.Leaders, l)
		v.staff[k] = s
		return nil
	})
	if err != nil {
		return err
	}
	err = each("SELECT corp_id, id, parent_id, name FROM departments", func(r *sql.Rows) error {
		var d Department
		if err := r.Scan(&d.CorpID, &d.ID, &d.ParentID, &d.Name); err != nil {
			return err
		}
		if v.departments[d.CorpID] == nil {
			v.departments[d.CorpID] = map[int64]Department{}
		}
		v.departments[d.CorpID][d.ID] = d
		return nil
	})
	if err != nil {
		return err
	}
	if o.roles != nil {
		byRole, err := o.roles(ctx)
		if err != nil {
			return fmt.Errorf("load directory: %w", err)
		}
		for role, list := range byRole {
			for _, member := range list {
				corp, user, _ := strings.Cut(member, "/")
				v.roles[role] = append(v.roles[role], key{corp, user})
			}
		}
	}
	if given := o.given.Load(); given != nil {
		for _, s := range *given {
			if _, ok := v.staff[key{s.CorpID, s.UserID}]; !ok {
				v.staff[key{s.CorpID, s.UserID}] = s
			}
		}
	}
	o.view.Store(v)
	return nil
}

// Mirror makes the stored directory of a corp equal to the snapshot, in one transaction, and loads it.
// Members missing in it are kept as inactive. An empty snapshot is refused: it is what a revoked
// permission looks like, and would empty the directory. Mirroring twice is mirroring once.
//
// Fault: Invalid for an empty snapshot.
func (o *Directory) Mirror(ctx context.Context, snap Snapshot) error {
	if len(snap.Staff) == 0 {
		return fault.New(fault.Invalid, "企业 %s 的通讯录为空，没有同步：请检查应用的可见范围与通讯录权限", snap.CorpID)
	}
	now := clock.Ms(o.clock.Now())
	err := o.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE staff SET active=0 WHERE corp_id=?", snap.CorpID); err != nil {
			return err
		}
		for _, table := range []string{"departments", "staff_departments", "staff_leaders"} {
			if _, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE corp_id=?", snap.CorpID); err != nil {
				return err
			}
		}
		return write(ctx, tx, snap, now)
	})
	if err != nil {
		return fmt.Errorf("mirror directory of %s: %w", snap.CorpID, err)
	}
	return o.Load(ctx)
}

func write(ctx context.Context, tx *db.Tx, snap Snapshot, now int64) error {
	var staff, member, leaders, departments [][]any
	for _, s := range snap.Staff {
		staff = append(staff, []any{snap.CorpID, s.UserID, s.Name, s.Position, s.Active, now})
		for _, d := range s.DepartmentIDs {
			member = append(member, []any{snap.CorpID, s.UserID, d, slices.Contains(s.LeaderIn, d)})
		}
		for _, l := range s.Leaders {
			leaders = append(leaders, []any{snap.CorpID, s.UserID, l})
		}
	}
	for _, d := range snap.Departments {
		departments = append(departments, []any{snap.CorpID, d.ID, d.ParentID, d.Name})
	}
	err := tx.Upsert(ctx, "staff", []string{"corp_id", "user_id"}, []string{"corp_id", "user_id", "name", "position", "active", "updated_at"},
		[]string{"name", "position", "active", "updated_at"}, staff)
	if err != nil {
		return err
	}
	if _, err := tx.InsertIgnore(ctx, "staff_departments", []string{"corp_id", "user_id", "department_id", "leads"}, member); err != nil {
		return err
	}
	if _, err := tx.InsertIgnore(ctx, "staff_leaders", []string{"corp_id", "user_id", "leader_id"}, leaders); err != nil {
		return err
	}
	_, err = tx.InsertIgnore(ctx, "departments", []string{"corp_id", "id", "parent_id", "name"}, departments)
	return err
}

// SyncSoon asks Run for a sync now: WeCom said the directory changed.
func (o *Directory) SyncSoon() {
	select {
	case o.again <- struct{}{}:
	default:
	}
}

const (
	daily   = 24 * time.Hour
	retryIn = 5 * time.Minute
)

// Run mirrors all corps at start, daily and when SyncSoon asks, until ctx ends. A failed sync keeps the
// directory as it was and is tried again.
func (o *Directory) Run(ctx context.Context, src Source) error {
	for {
		next, begun := daily, time.Now()
		snaps, err := src.Snapshots(ctx)
		for _, s := range snaps {
			if merr := o.Mirror(ctx, s); merr != nil {
				err = merr
			}
		}
		took := time.Since(begun)
		if err != nil && ctx.Err() == nil {
			slog.Warn("同步企业微信通讯录失败，稍后再试", "err", err)
			next = retryIn
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(next):
		case <-o.again:
			// Many changes in a row are read together, and the platform is left in peace between.
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(min(5*took, time.Minute)):
			}
		}
	}
}
