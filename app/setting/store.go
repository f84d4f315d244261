package setting

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/fault"
)

// Store keeps definitions and tells when they change, also when another node changed them.
type Store struct {
	db    *db.DB
	clock clock.Clock

	mu      sync.Mutex
	watched []func()
	told    int64 // versions there were when watched was told last
}

// New makes a store on a migrated database.
func New(s *db.Stores, clk clock.Clock) *Store { return &Store{db: s.Koi, clock: clk} }

// row is a line of settings: one for every version; the newest of an id that is not deleted is the
// definition in force.
type row struct {
	ID        int64
	Rev       int64
	Kind      string
	Key       string `gorm:"column:skey"`
	Body      string
	Deleted   bool
	Current   bool
	UpdatedAt int64 `gorm:"autoCreateTime:false;autoUpdateTime:false"` // business time; a version keeps its own
	UpdatedBy string
}

func (row) TableName() string { return "settings" }

func (r row) item() Item {
	return Item{ID: r.ID, Kind: r.Kind, Key: r.Key, Rev: r.Rev, Body: json.RawMessage(r.Body), UpdatedAt: r.UpdatedAt, UpdatedBy: r.UpdatedBy}
}

// List returns the definitions in force of the given kinds (all when none), by kind and key.
func (s *Store) List(ctx context.Context, kinds ...string) ([]Item, error) {
	q := s.db.Gorm(ctx).Where("current=1 AND deleted=0")
	if len(kinds) > 0 {
		q = q.Where("kind IN ?", kinds)
	}
	var rows []row
	if err := q.Order("kind, skey").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list settings: %w", err)
	}
	out := make([]Item, len(rows))
	for i, r := range rows {
		out[i] = r.item()
	}
	return out, nil
}

// Get returns the definition in force. Fault: NotFound.
func (s *Store) Get(ctx context.Context, kind, key string) (Item, error) {
	var r row
	err := s.db.Gorm(ctx).Where("kind=? AND skey=? AND current=1 AND deleted=0", kind, key).Take(&r).Error
	return found(r, err, kind+" "+key)
}

// Version returns a version once in force, also of a definition deleted since. Fault: NotFound.
func (s *Store) Version(ctx context.Context, id, rev int64) (Item, error) {
	var r row
	err := s.db.Gorm(ctx).Where("id=? AND rev=?", id, rev).Take(&r).Error
	return found(r, err, fmt.Sprintf("%d 第 %d 版", id, rev))
}

func found(r row, err error, what string) (Item, error) {
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Item{}, fault.New(fault.NotFound, "没有这项配置：%s", what)
	}
	if err != nil {
		return Item{}, fmt.Errorf("read setting %s: %w", what, err)
	}
	return r.item(), nil
}

// Change puts a definition in force, or takes it out of force.
type Change struct {
	Kind   string
	Key    string
	Body   json.RawMessage // a JSON object; ignored with Delete
	Delete bool
	// IfRev, when set, is the revision the editor saw: another one in force now is a Conflict. Absent: none
	// was in force.
	IfRev int64
}

// Absent is the revision of a definition that is not there.
const Absent = -1

// The widest texts the table keeps, in bytes so that no engine counts otherwise.
const (
	maxKind = 32
	maxKey  = 96
	maxBy   = 96
)

// check refuses what the table would not take, or not as it is. It returns the body as it is kept.
func (c Change) check() (json.RawMessage, error) {
	if c.Kind == "" || len(c.Kind) > maxKind || c.Key == "" || len(c.Key) > maxKey || strings.TrimSpace(c.Key) != c.Key || !utf8.ValidString(c.Key) {
		return nil, fault.New(fault.Invalid, "%s/%s：key 不能为空，最长 %d 个字节，首尾不能有空格", c.Kind, c.Key, maxKey)
	}
	if c.Delete {
		return json.RawMessage("{}"), nil
	}
	body, err := Canonical(c.Body)
	if err == nil && body[0] != '{' {
		err = errors.New("the body is no object")
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "%s/%s 不是有效的 JSON", c.Kind, c.Key)
	}
	return body, nil
}

// Apply makes all changes in one transaction and returns the items that really changed. A body that
// means the same as the one in force changes nothing, so applying twice is applying once. It does not
// check meaning: compile before you apply.
//
// Faults: Invalid (a body is not a JSON object, a key does not fit), Conflict (IfRev).
func (s *Store) Apply(ctx context.Context, changes []Change, by string) ([]Item, error) {
	bodies := make([]json.RawMessage, len(changes))
	for i, c := range changes {
		var err error
		if bodies[i], err = c.check(); err != nil {
			return nil, err
		}
	}
	if by = strings.ToValidUTF8(by, ""); len(by) > maxBy {
		by = strings.ToValidUTF8(by[:maxBy], "") // cut, not inside a character
	}
	var changed []Item
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		changed = changed[:0]
		if err := lock(ctx, tx); err != nil {
			return err
		}
		g := tx.Gorm(ctx)
		for i, c := range changes {
			it, did, err := s.applyTx(g, c, bodies[i], by)
			if err != nil {
				return err
			}
			if did {
				changed = append(changed, it)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("apply settings: %w", err)
	}
	if len(changed) > 0 {
		n, err := s.versions(ctx)
		if err != nil {
			n = -1 // Watch tells again
		}
		s.tell(n)
	}
	return changed, nil
}

// lock lets one node at a time change definitions: what it reads (which keys exist, the last id) stays true
// until it has written. Version 0 of id 0 is there for that only, since there may be no other row yet.
func lock(ctx context.Context, tx *db.Tx) error {
	const take = "UPDATE settings SET updated_at=updated_at+1 WHERE id=0 AND rev=0"
	n, err := tx.Exec(ctx, take)
	if err != nil || n > 0 {
		return err
	}
	_, err = tx.InsertIgnore(ctx, "settings", []string{"id", "rev", "kind", "skey", "body", "deleted", "current", "updated_at", "updated_by"},
		[][]any{{0, 0, "", "", "{}", true, false, 0, ""}})
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, take)
	return err
}

func (s *Store) applyTx(g *gorm.DB, c Change, body json.RawMessage, by string) (Item, bool, error) {
	var old row
	err := g.Where("kind=? AND skey=? AND current=1", c.Kind, c.Key).Take(&old).Error
	missing := errors.Is(err, gorm.ErrRecordNotFound)
	if err != nil && !missing {
		return Item{}, false, err
	}
	gone := missing || old.Deleted
	if c.IfRev == Absent && !gone || c.IfRev > 0 && (gone || old.Rev != c.IfRev) {
		return Item{}, false, fault.Wrap(fault.ErrOvertaken, fault.Conflict, "%s/%s 刚被别人改过：请刷新后再改，您的修改没有保存", c.Kind, c.Key)
	}
	if (missing || old.Deleted) && c.Delete || !missing && !old.Deleted && !c.Delete && bytes.Equal([]byte(old.Body), body) {
		return Item{}, false, nil
	}
	r := row{ID: old.ID, Rev: old.Rev + 1, Kind: c.Kind, Key: c.Key, Body: string(body), Deleted: c.Delete, Current: true,
		UpdatedAt: clock.Ms(s.clock.Now()), UpdatedBy: by}
	if missing {
		if err := g.Raw("SELECT COALESCE(MAX(id),0)+1 FROM settings").Scan(&r.ID).Error; err != nil {
			return Item{}, false, err
		}
	} else if err := g.Model(&row{}).Where("id=? AND rev=?", old.ID, old.Rev).Update("current", false).Error; err != nil {
		return Item{}, false, err
	}
	if err := g.Create(&r).Error; err != nil {
		return Item{}, false, err
	}
	return r.item(), true, nil
}

// OnChange registers what to do after definitions changed; it is called on the changer's goroutine or on
// Watch's. Register before Watch runs.
func (s *Store) OnChange(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watched = append(s.watched, f)
}

// tell calls who registered. versions is as of before: what changes meanwhile is told again.
func (s *Store) tell(versions int64) {
	s.mu.Lock()
	s.told = versions
	list := append([]func(){}, s.watched...)
	s.mu.Unlock()
	for _, f := range list {
		f()
	}
}

// versions counts all versions. They are only ever added, so their number names the state.
func (s *Store) versions(ctx context.Context) (n int64, err error) {
	err = s.db.QueryRow(ctx, "SELECT COUNT(*) FROM settings").Scan(&n)
	return n, err
}

// watchEvery is how late a node notices what another one changed.
const watchEvery = 3 * time.Second

// Watch notices changes made by other nodes, until ctx ends. It tells once at its beginning: what was read
// before may have changed since. One number is read each time.
func (s *Store) Watch(ctx context.Context) error {
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	for first := true; ; {
		if n, err := s.versions(ctx); err == nil {
			s.mu.Lock()
			changed := first || n != s.told
			s.mu.Unlock()
			if first = false; changed {
				s.tell(n)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}
