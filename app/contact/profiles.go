package contact

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
)

// Profile is what a platform tells about one of its users.
type Profile struct {
	UnionID string         // "" where the platform gives none
	Fields  map[string]any // standard field key → value, as Field.Parse takes it
	Staff   []StaffLink    // WeCom friendships, for external contacts
	Account string         // the official account that says whether they follow it; "" when none does
	Since   int64          // since when they follow Account, Unix ms; 0: they do not
}

// ProfileSource asks a platform; implemented in channels/*. Faults: NotFound when the platform will never
// tell (give up), Unavailable when it may tell later (WeCom answers 84061 for a while after an add).
type ProfileSource interface {
	Profile(ctx context.Context, id event.Identity) (Profile, error)
}

// Profiles fetches the profile of each new OpenID and external_userid once, and brings it in as a command:
// that is how a WeCom friend and a follower with the same UnionID become one person. What is still to be
// fetched stands in the database, so a restart forgets nothing.
type Profiles struct {
	db     *db.DB
	clock  clock.Clock
	log    *event.Log
	source ProfileSource
}

// NewProfiles makes the fetcher.
func NewProfiles(d *db.DB, clk clock.Clock, log *event.Log, src ProfileSource) *Profiles {
	return &Profiles{db: d, clock: clk, log: log, source: src}
}

// A platform's profiles may lag behind its callbacks: who follows since less than this is not taken for gone
// because their profile says so.
const profileLag = time.Minute

const (
	profileEvery = 500 * time.Millisecond
	profileBatch = 20
	profileTries = 6 // over about an hour: 1, 2, 4, … minutes apart
)

// Run fetches until ctx ends.
func (f *Profiles) Run(ctx context.Context) error {
	t := time.NewTicker(profileEvery)
	defer t.Stop()
	for {
		if _, err := f.RunOnce(ctx); err != nil && ctx.Err() == nil {
			slog.Warn("读取客户资料失败，稍后再试", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

type want struct {
	identity, contact int64
	tries             int
	event.Identity
}

// RunOnce fetches the profiles due now, at most a batch, and returns how many it asked for.
func (f *Profiles) RunOnce(ctx context.Context) (int, error) {
	now := clock.Ms(f.clock.Now())
	rows, err := f.db.Query(ctx, "SELECT w.identity_id, w.tries, i.contact_id, i.kind, i.scope, i.value FROM profile_wants w JOIN identities i ON i.id=w.identity_id WHERE w.due_at<=? ORDER BY w.due_at LIMIT ?", now, profileBatch)
	if err != nil {
		return 0, fmt.Errorf("profiles due: %w", err)
	}
	var list []want
	err = db.Each(rows, func(r *sql.Rows) error {
		var w want
		var value []byte
		if err := r.Scan(&w.identity, &w.tries, &w.contact, &w.Kind, &w.Scope, &value); err != nil {
			return err
		}
		w.Value = string(value)
		list = append(list, w)
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, w := range list {
		if err := f.fetch(ctx, w, now); err != nil {
			return len(list), err
		}
	}
	return len(list), nil
}

func (f *Profiles) fetch(ctx context.Context, w want, now int64) error {
	got, err := f.source.Profile(ctx, w.Identity)
	if err == nil {
		if err = f.bring(ctx, w, got, now); !fault.Is(err, fault.Invalid) {
			return err
		}
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case fault.Is(err, fault.NotFound) || fault.Is(err, fault.Invalid) || w.tries+1 >= profileTries:
		slog.Info("平台没有提供这位客户的资料", "identity", w.identity, "kind", w.Kind, "err", err)
		return f.db.Tx(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, "DELETE FROM profile_wants WHERE identity_id=?", w.identity)
			return err
		})
	default:
		return f.postpone(ctx, w, now)
	}
}

func (f *Profiles) postpone(ctx context.Context, w want, now int64) error {
	due := now + int64(time.Minute/time.Millisecond)<<w.tries
	return f.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE profile_wants SET due_at=?, tries=? WHERE identity_id=?", due, w.tries+1, w.identity)
		return err
	})
}

// bring appends the profile; the stage settles the want when it applies it. Appending it twice (a crash in
// between) changes nothing more.
func (f *Profiles) bring(ctx context.Context, w want, got Profile, now int64) error {
	e := got.command(w.Identity, now-profileLag.Milliseconds())
	e.Source, e.OccurredAt, e.ReceivedAt = sourceProfile, now, now
	e.Key = "profile/" + strconv.FormatInt(w.identity, 10) + "/" + strconv.Itoa(w.tries)
	e.Props["identity"] = w.identity
	if _, err := f.log.Append(ctx, e); err != nil {
		return fmt.Errorf("bring profile: %w", err)
	}
	// Not asked again while the command is on its way.
	return f.postpone(ctx, w, now)
}

// Where commands come from that no person gave.
const (
	sourceProfile = "profile"
	sourceCensus  = "census"
)

// command brings in what a platform tells about the owner of an identity. asked is when it was true: whoever
// does not follow then is taken for gone.
func (p Profile) command(id event.Identity, asked int64) *event.Event {
	set := p.Fields
	if set == nil {
		set = map[string]any{}
	}
	e := &event.Event{Type: event.CommandContactChange, Lane: event.Normal, Identities: []event.Identity{id},
		Props: event.Props{"set": set, "by": "platform"}}
	if p.UnionID != "" {
		e.Identities = append(e.Identities, event.Identity{Kind: event.KindUnionID, Value: p.UnionID, Verified: true})
	}
	links := []any{}
	for _, l := range p.Staff {
		links = append(links, map[string]any{"corp": l.CorpID, "user": l.UserID, "added_at": l.AddedAt, "state": l.State})
	}
	if len(links) > 0 {
		e.Props["staff"] = links
	}
	switch {
	case p.Account != "" && p.Since > 0:
		e.Props["follow"] = map[string]any{"app": p.Account, "since": p.Since}
	case p.Account != "":
		e.Props["follow"] = map[string]any{"app": p.Account, "gone_at": asked}
	}
	return e
}
