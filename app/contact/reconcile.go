package contact

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/secret"
)

// Roll is a list of people that a platform keeps: an official account's followers, a corp's customers.
type Roll struct {
	Kind  string // event.KindOpenID or event.KindExternal
	Scope string // AppID or CorpID
}

// Page is a part of a roll.
type Page struct {
	Staff  string // whose customers they are; "" for followers
	People []Listed
	Whole  bool // with it, all followers or all customers of Staff were read
}

// Listed is somebody on a roll.
type Listed struct {
	ID      string   // OpenID or external_userid
	Profile *Profile // nil where the roll tells no more than that they are on it
}

// Census reads rolls; implemented over channels/*. Read ends with the first error of take, and returns an
// error when any part of the roll could not be read.
type Census interface {
	Rolls() []Roll
	Read(ctx context.Context, r Roll, take func(Page) error) error
}

// Reconciler compares what Koi knows with what the platforms list, for what happened before an account was
// connected and while no Koi answered: those callbacks never come again. What differs is brought in by
// commands through the log, as late as can be, so that it starts no journey, alert or message; nobody is
// said to have followed or added just now. Doing it twice changes nothing.
//
// A roll is read once for each outage, and not more than once in six hours.
type Reconciler struct {
	ReconcilerConfig
	waits map[Roll]int64 // wall time before which a roll that could not be read is left alone
}

// ReconcilerConfig is what a Reconciler works with.
type ReconcilerConfig struct {
	DB     *db.DB
	Keys   *secret.Keys
	Clock  clock.Clock
	Log    *event.Log
	Census Census
	Source ProfileSource
	// Applied returns once a lane of the log is applied through seq.
	Applied func(ctx context.Context, lane event.Lane, seq int64) error
	// Outage tells when the newest outage ended, wall time in Unix ms, or 0.
	Outage func(ctx context.Context) (int64, error)
}

// NewReconciler makes a reconciler.
func NewReconciler(c ReconcilerConfig) *Reconciler {
	return &Reconciler{ReconcilerConfig: c, waits: map[Roll]int64{}}
}

const (
	reconcileLook  = 2 * time.Second
	reconcileEvery = 6 * time.Hour    // user/get: 500 calls a day of 10,000 followers each
	reconcileAgain = 10 * time.Minute // after a failure that used up nothing
	reconcileChunk = 100
	reconcilePace  = 200 // commands a second
)

// Run reconciles whatever is due until ctx ends.
func (r *Reconciler) Run(ctx context.Context) error {
	t := time.NewTicker(reconcileLook)
	defer t.Stop()
	for {
		if err := r.RunOnce(ctx); err != nil && ctx.Err() == nil {
			slog.Warn("核对关注者和客户失败，稍后再试", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// RunOnce reconciles every roll that is due.
func (r *Reconciler) RunOnce(ctx context.Context) error {
	outage, err := r.Outage(ctx)
	if err != nil {
		return err
	}
	for _, roll := range r.Census.Rolls() {
		now := clock.Ms(r.Clock.Wall())
		tried, done, err := r.last(ctx, roll)
		if err != nil {
			return err
		}
		if done > 0 && outage <= done || tried > 0 && now-tried < reconcileEvery.Milliseconds() || now < r.waits[roll] {
			continue
		}
		if err := r.reconcile(ctx, roll); err != nil {
			if ctx.Err() != nil {
				return err
			}
			r.waits[roll] = now + reconcileAgain.Milliseconds()
			slog.Warn("没有核对完平台上的名单，稍后再试；没有读完的部分不会把任何人标为离开", "kind", roll.Kind, "account", roll.Scope, "err", err)
		}
	}
	return nil
}

func (r *Reconciler) last(ctx context.Context, roll Roll) (tried, done int64, err error) {
	err = r.DB.QueryRow(ctx, "SELECT tried_at, done_at FROM reconciled WHERE kind=? AND scope=?", roll.Kind, roll.Scope).Scan(&tried, &done)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("when %s was reconciled: %w", roll.Scope, err)
	}
	return tried, done, err
}

// note remembers in a column when a roll was read.
func (r *Reconciler) note(ctx context.Context, roll Roll, column string, at int64) error {
	row := map[string]int64{column: at}
	err := r.DB.Tx(ctx, func(tx *db.Tx) error {
		return tx.Upsert(ctx, "reconciled", []string{"kind", "scope"}, []string{"kind", "scope", "tried_at", "done_at"}, []string{column},
			[][]any{{roll.Kind, roll.Scope, row["tried_at"], row["done_at"]}})
	})
	if err != nil {
		return fmt.Errorf("note that %s is reconciled: %w", roll.Scope, err)
	}
	return nil
}

// walk is one reading of a roll.
type walk struct {
	*Reconciler
	roll Roll
	// at is when the roll was true, business time in Unix ms: just before the second in which reading began,
	// since a CreateTime has whole seconds.
	at    int64
	seen  map[string]map[int64]struct{} // staff → identities on their list
	whole map[string]bool               // staff whose list was read to its end
	told  int                           // commands for people on the roll
	gone  int                           // and for people no longer on it
}

func (r *Reconciler) reconcile(ctx context.Context, roll Roll) error {
	// What was acknowledged already is known first.
	for _, lane := range []event.Lane{event.Priority, event.Normal} {
		head, err := r.Log.Head(ctx, lane)
		if err == nil {
			err = r.Applied(ctx, lane, head)
		}
		if err != nil {
			return err
		}
	}
	started := clock.Ms(r.Clock.Wall())
	w := &walk{Reconciler: r, roll: roll, at: clock.Ms(r.Clock.Now())/1000*1000 - 1,
		seen: map[string]map[int64]struct{}{}, whole: map[string]bool{}}
	begun := false
	err := r.Census.Read(ctx, roll, func(p Page) error {
		if !begun {
			if err := r.note(ctx, roll, "tried_at", started); err != nil {
				return err
			}
			begun = true
		}
		return w.take(ctx, p)
	})
	if ctx.Err() != nil || !begun && err != nil {
		return err
	}
	// Also after an error: lists that were read to their end are as good as ever.
	if err := errors.Join(err, w.depart(ctx)); err != nil {
		return err
	}
	if err := r.note(ctx, roll, "done_at", started); err != nil {
		return err
	}
	what := "已与公众号核对关注者"
	if roll.Kind == event.KindExternal {
		what = "已与企业微信核对客户"
	}
	slog.Info(what, "account", roll.Scope, "补记", w.told, "标为离开", w.gone)
	return nil
}

// take compares a page with what is known.
func (w *walk) take(ctx context.Context, p Page) error {
	if w.seen[p.Staff] == nil {
		w.seen[p.Staff] = map[int64]struct{}{}
	}
	for list := range slices.Chunk(p.People, reconcileChunk) {
		owners, err := w.owners(ctx, list)
		if err != nil {
			return err
		}
		var news []*event.Event
		for _, l := range list {
			if w.differs(owners[l.ID].person, p.Staff, l) {
				news = append(news, w.tell(ctx, l))
			}
		}
		w.told += len(news)
		if err := w.bring(ctx, news); err != nil {
			return err
		}
		if len(news) > 0 { // those who are new have an identity now
			if owners, err = w.owners(ctx, list); err != nil {
				return err
			}
		}
		for _, o := range owners {
			w.seen[p.Staff][o.identity] = struct{}{}
		}
	}
	// An empty list is what a revoked permission looks like: nobody is marked gone for it.
	w.whole[p.Staff] = p.Whole && len(w.seen[p.Staff]) > 0
	return ctx.Err()
}

type owner struct {
	identity int64
	person   *Person
}

// owners finds who of a list is known, by OpenID or external_userid.
func (w *walk) owners(ctx context.Context, list []Listed) (map[string]owner, error) {
	names, keys := map[[16]byte]string{}, make([][]byte, 0, len(list))
	for _, l := range list {
		k := Key(w.Keys, event.Identity{Kind: w.roll.Kind, Scope: w.roll.Scope, Value: l.ID})
		names[k] = l.ID
		keys = append(keys, k[:])
	}
	type found struct {
		name              string
		identity, contact int64
	}
	var all []found
	ids := map[int64]bool{}
	err := db.EachIn(ctx, w.DB, "SELECT k, id, contact_id FROM identities WHERE k IN (%s)", keys, nil, func(rows *sql.Rows) error {
		var k []byte
		var f found
		if err := rows.Scan(&k, &f.identity, &f.contact); err != nil {
			return err
		}
		f.name = names[[16]byte(k)]
		all, ids[f.contact] = append(all, f), true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find people of a roll: %w", err)
	}
	people, alias, err := loadPeople(ctx, w.DB, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[string]owner, len(all))
	for _, f := range all {
		if kept, ok := alias[f.contact]; ok {
			f.contact = kept
		}
		out[f.name] = owner{f.identity, people[f.contact]}
	}
	return out, nil
}

// differs reports whether a roll tells something new about somebody; p is nil for a stranger.
func (w *walk) differs(p *Person, staff string, l Listed) bool {
	if p == nil {
		return true
	}
	if w.roll.Kind == event.KindOpenID {
		f := p.Follow(w.roll.Scope)
		return !f.Active() && f.UnfollowedAt <= w.at
	}
	i := slices.IndexFunc(p.Staff, func(s StaffLink) bool { return s.CorpID == w.roll.Scope && s.UserID == staff })
	// A customer who deleted a member of staff stays on that one's list, as of the day they met.
	return i < 0 || !p.Staff[i].Friend() && l.Profile != nil && slices.ContainsFunc(l.Profile.Staff, func(s StaffLink) bool { return s.AddedAt > p.Staff[i].RemovedAt })
}

// tell makes the command for somebody on the roll. Where nothing can be learned of them now, it brings in
// the identity alone, and Profiles asks again.
func (w *walk) tell(ctx context.Context, l Listed) *event.Event {
	id := event.Identity{Kind: w.roll.Kind, Scope: w.roll.Scope, Value: l.ID}
	profile := l.Profile
	if profile == nil {
		got, err := w.Source.Profile(ctx, id)
		if err != nil {
			return &event.Event{Type: event.CommandContactChange, Lane: event.Normal, Identities: []event.Identity{id}, Props: event.Props{"by": "platform"}}
		}
		profile = &got
	}
	return profile.command(id, w.at)
}

// bring appends commands no faster than they are applied, and reconcilePace a second.
func (w *walk) bring(ctx context.Context, list []*event.Event) error {
	if len(list) == 0 {
		return nil
	}
	pace := time.NewTimer(time.Duration(len(list)) * time.Second / reconcilePace)
	defer pace.Stop()
	now := clock.Ms(w.Clock.Now())
	for _, e := range list {
		// Nobody knows when it happened, only that it was before: late enough to start nothing.
		e.Source, e.OccurredAt, e.ReceivedAt = sourceCensus, now-event.LateAfter.Milliseconds()-1, now
	}
	done, err := w.Log.Append(ctx, list...)
	for fault.Is(err, fault.Unavailable) && ctx.Err() == nil {
		select { // the queue is full, or the database away: callbacks come first
		case <-ctx.Done():
		case <-time.After(time.Second):
			done, err = w.Log.Append(ctx, list...)
		}
	}
	if err != nil {
		return fmt.Errorf("bring a roll: %w", err)
	}
	if err := w.Applied(ctx, event.Normal, done[len(done)-1].Seq); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-pace.C:
		return nil
	}
}

// depart ends the relations that stand on no list any more, of lists that were read to their end.
func (w *walk) depart(ctx context.Context) error {
	for last, more := int64(0), true; more; {
		ids := map[int64]bool{}
		rows, err := w.DB.Query(ctx, "SELECT id, contact_id FROM identities WHERE id>? AND kind=? AND scope=? ORDER BY id LIMIT ?",
			last, w.roll.Kind, w.roll.Scope, reconcileChunk)
		if err != nil {
			return fmt.Errorf("list people of %s: %w", w.roll.Scope, err)
		}
		more = false
		err = db.Each(rows, func(rows *sql.Rows) error {
			var contact int64
			more = true
			err := rows.Scan(&last, &contact)
			ids[contact] = true
			return err
		})
		if err != nil {
			return fmt.Errorf("list people of %s: %w", w.roll.Scope, err)
		}
		people, _, err := loadPeople(ctx, w.DB, ids)
		if err != nil {
			return err
		}
		var gone []*event.Event
		for _, id := range sortedIDs(people) {
			if props := w.ended(people[id]); props != nil {
				gone = append(gone, &event.Event{Type: event.CommandContactChange, Lane: event.Normal, ObjectType: "contact",
					ObjectID: strconv.FormatInt(id, 10), Props: props})
			}
		}
		w.gone += len(gone)
		if err := w.bring(ctx, gone); err != nil {
			return err
		}
	}
	return nil
}

// ended tells in a command's props which relations of a person are over, or nil.
func (w *walk) ended(p *Person) event.Props {
	listed := func(staff string) bool {
		return slices.ContainsFunc(p.Identities, func(id PersonIdentity) bool {
			_, ok := w.seen[staff][id.ID]
			return ok
		})
	}
	if w.roll.Kind == event.KindOpenID {
		if f := p.Follow(w.roll.Scope); w.whole[""] && f.Active() && f.FollowedAt <= w.at && !listed("") {
			return event.Props{"by": "platform", "follow": map[string]any{"app": f.AppID, "gone_at": w.at}}
		}
		return nil
	}
	links := []any{}
	for _, l := range p.Staff {
		if l.CorpID == w.roll.Scope && w.whole[l.UserID] && l.Friend() && l.AddedAt <= w.at && !listed(l.UserID) {
			links = append(links, map[string]any{"corp": l.CorpID, "user": l.UserID, "gone_at": w.at})
		}
	}
	if len(links) == 0 {
		return nil
	}
	return event.Props{"by": "platform", "staff": links}
}
