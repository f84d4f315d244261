// Package contact knows who is who: people, the identities they go by, what fields we keep of them, which
// staff they are friends with, which accounts they follow, and when two turn out to be one. It refuses to
// know what any of that means for tags, scores or journeys.
//
// Invariants: an identity belongs to one contact for ever; a merge is a row in contact_alias and moves
// nothing; phone numbers and e-mail addresses are stored sealed and found by blind index.
package contact

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/secret"
)

// Stage finds the person of each event, makes one where there is none, and keeps attributes, friendships
// and follows current.
type Stage struct {
	keys  *secret.Keys
	model atomic.Pointer[Model]

	// Of the batch:
	m          *Model
	people     map[int64]*Person
	loaded     []int64
	byKey      map[[16]byte]*known // identities of the batch's events, found or made
	alias      map[int64]int64     // old → kept, of the people at hand
	made       []*known
	aliases    [][]any
	realias    []realias
	proposals  [][]any
	wants      [][]any
	got        []int64 // identities whose profile came in
	verified   []int64 // identities that were proven now
	statements [][]any // of consent
	contactIDs *db.IDs
	identIDs   *db.IDs
}

// realias moves what was merged into one person on to the next.
type realias struct {
	from, to int64
	olds     []int64
}

// known is an identity with the contact it belongs to (before aliases).
type known struct {
	id      int64
	k       [16]byte
	contact int64
	event.Identity
	made bool
	at   int64
}

// NewStage makes the stage. Use gives it a model before the first batch.
func NewStage(keys *secret.Keys) *Stage {
	return &Stage{keys: keys, contactIDs: db.NewIDs("contact"), identIDs: db.NewIDs("identity")}
}

// Use takes a model from the next batch on.
func (s *Stage) Use(m *Model) { s.model.Store(m) }

// Name of the stage.
func (s *Stage) Name() string { return "contact" }

// Person returns a person of this batch, or nil; an id that was merged gives the kept person.
func (s *Stage) Person(id int64) *Person { return s.people[s.resolve(id)] }

// Loaded lists the contacts of this batch that existed before it: those whose rows the other stages load.
func (s *Stage) Loaded() []int64 { return s.loaded }

func (s *Stage) resolve(id int64) int64 {
	for {
		kept, ok := s.alias[id]
		if !ok {
			return id
		}
		id = kept
	}
}

// Key is the blind index of an identity.
func Key(keys *secret.Keys, id event.Identity) [16]byte {
	return keys.Lookup("identity", id.Kind+"\x00"+id.Scope+"\x00"+id.Value)
}

// sealed reports whether values of a kind are personal data.
func sealed(kind string) bool { return kind == event.KindPhone || kind == event.KindEmail }

// subject is the contact an event names directly: commands and timers do.
func subject(e *event.Event) int64 {
	if e.ContactID != 0 {
		return e.ContactID
	}
	if e.ObjectType == "contact" && len(e.Identities) == 0 {
		id, _ := strconv.ParseInt(e.ObjectID, 10, 64)
		return id
	}
	return 0
}

// Load looks up every identity of the batch and everything about the people they belong to.
func (s *Stage) Load(ctx context.Context, tx *db.Tx, b *event.Batch) error {
	s.m = s.model.Load()
	s.people, s.alias, s.byKey = map[int64]*Person{}, map[int64]int64{}, map[[16]byte]*known{}
	s.loaded, s.made, s.aliases, s.realias, s.proposals, s.wants, s.got, s.verified, s.statements = nil, nil, nil, nil, nil, nil, nil, nil, nil
	idents := 0
	var keys [][]byte
	seen := map[[16]byte]bool{}
	ids := map[int64]bool{}
	for _, e := range b.Events {
		for i := range e.Identities {
			e.Identities[i].Value = normalValue(e.Identities[i])
		}
		// "无" is no phone number: it must not be that of everybody who has none.
		e.Identities = slices.DeleteFunc(e.Identities, func(id event.Identity) bool { return id.Value == "" })
		idents += len(e.Identities)
		for i := range e.Identities {
			if k := Key(s.keys, e.Identities[i]); !seen[k] {
				seen[k] = true
				keys = append(keys, k[:])
			}
		}
		if id := subject(e); id != 0 {
			ids[id] = true
		}
	}
	if err := s.contactIDs.Begin(ctx, tx, len(b.Events)); err != nil {
		return err
	}
	if err := s.identIDs.Begin(ctx, tx, idents); err != nil {
		return err
	}
	b.AfterCommit(func() { s.contactIDs.Commit(); s.identIDs.Commit() })
	err := db.EachIn(ctx, tx, "SELECT id, k, kind, scope, contact_id, verified FROM identities WHERE k IN (%s)", keys, nil, func(r *sql.Rows) error {
		var k []byte
		n := &known{}
		if err := r.Scan(&n.id, &k, &n.Kind, &n.Scope, &n.contact, &n.Verified); err != nil {
			return err
		}
		n.k = [16]byte(k)
		s.byKey[n.k] = n
		ids[n.contact] = true
		return nil
	})
	if err != nil {
		return fmt.Errorf("load identities: %w", err)
	}
	people, alias, err := loadPeople(ctx, tx, ids)
	if err != nil {
		return err
	}
	s.people, s.alias = people, alias
	for id := range people {
		s.loaded = append(s.loaded, id)
	}
	slices.Sort(s.loaded)
	return nil
}

// Apply finds or makes the event's person, then takes over what the event says of them.
func (s *Stage) Apply(b *event.Batch, e *event.Event) error {
	if e.N > 0 { // a derived event has its parent's person, wherever a merge in between put it
		e.ContactID = s.resolve(e.ContactID)
		return nil
	}
	if err := s.find(b, e); err != nil {
		return err
	}
	p := s.people[e.ContactID]
	if p == nil {
		return nil
	}
	if !isInternal(e) && e.OccurredAt > p.LastActive {
		p.LastActive = e.OccurredAt
		p.moved.row = true
	}
	return s.learn(b, e, p)
}

// isInternal: commands and timers are not the person's own activity.
func isInternal(e *event.Event) bool {
	return e.Source == "timer" || e.Source == "console" || e.Source == "outbox" || e.Source == sourceProfile || e.Source == sourceCensus
}

// Flush writes who is new, who changed and who became one.
func (s *Stage) Flush(ctx context.Context, tx *db.Tx, b *event.Batch) error {
	if err := s.flushIdentities(ctx, tx, b.Rev); err != nil {
		return err
	}
	return s.flushPeople(ctx, tx, b)
}

func (s *Stage) flushIdentities(ctx context.Context, tx *db.Tx, rev int64) error {
	rows := make([][]any, 0, len(s.made))
	for _, n := range s.made {
		value, last4 := []byte(n.Value), []byte{}
		if sealed(n.Kind) {
			value = s.keys.Seal("identity", []byte(n.Value))
			if n.Kind == event.KindPhone {
				h := s.keys.Lookup("last4", lastFour(n.Value))
				last4 = h[:]
			}
		}
		rows = append(rows, []any{n.id, n.k[:], n.Kind, n.Scope, value, n.contact, n.Verified, last4, n.at})
	}
	if err := tx.Insert(ctx, "identities", []string{"id", "k", "kind", "scope", "value", "contact_id", "verified", "last4", "created_at"}, rows); err != nil {
		return err
	}
	if _, err := tx.InsertIgnore(ctx, "profile_wants", []string{"identity_id", "due_at", "tries"}, s.wants); err != nil {
		return err
	}
	if len(s.got) > 0 {
		if _, err := tx.Exec(ctx, "DELETE FROM profile_wants WHERE identity_id IN ("+db.Marks(len(s.got))+")", db.Args(s.got)...); err != nil {
			return fmt.Errorf("settle profile wants: %w", err)
		}
	}
	if len(s.verified) > 0 {
		if _, err := tx.Exec(ctx, "UPDATE identities SET verified=1 WHERE id IN ("+db.Marks(len(s.verified))+")", db.Args(s.verified)...); err != nil {
			return fmt.Errorf("verify identities: %w", err)
		}
	}
	if err := tx.Insert(ctx, "contact_alias", []string{"old_id", "kept_id", "into_id", "event_id", "at"}, s.aliases); err != nil {
		return err
	}
	for _, r := range s.realias {
		if _, err := tx.Exec(ctx, "UPDATE contact_alias SET kept_id=? WHERE kept_id=?", r.to, r.from); err != nil {
			return fmt.Errorf("move aliases: %w", err)
		}
		// By id: an index on merged_into would be paid by everybody.
		if _, err := tx.Exec(ctx, "UPDATE contacts SET merged_into=?, rev=? WHERE id IN ("+db.Marks(len(r.olds))+")", append([]any{r.to, rev}, db.Args(r.olds)...)...); err != nil {
			return fmt.Errorf("move aliases: %w", err)
		}
	}
	if _, err := tx.InsertIgnore(ctx, "contact_consents", statementColumns, s.statements); err != nil {
		return err
	}
	_, err := tx.InsertIgnore(ctx, "merge_proposals", []string{"low_id", "high_id", "kind", "event_id", "at", "settled_at"}, s.proposals)
	return err
}

func (s *Stage) flushPeople(ctx context.Context, tx *db.Tx, b *event.Batch) error {
	var rows, values, staff, follows [][]any
	var gone [][2]any
	for _, id := range sortedIDs(s.people) {
		p := s.people[id]
		d := &p.moved
		if d.row || d.values != nil || d.staff != nil || d.follow != nil {
			merged := s.resolve(p.ID)
			if merged == p.ID {
				merged = 0
			}
			rows = append(rows, []any{p.ID, p.CreatedAt, p.LastActive, p.Excluded, merged, b.Rev, p.Consents.Mask(), p.Consents.Text()})
		}
		for f := range d.values {
			if v, ok := p.Values[f]; ok {
				values = append(values, []any{p.ID, f, v.Num, v.Text, v.Norm, v.At})
			} else {
				gone = append(gone, [2]any{p.ID, f})
			}
		}
		for _, l := range p.Staff {
			if !d.staff[[2]string{l.CorpID, l.UserID}] {
				continue
			}
			staff = append(staff, []any{p.ID, l.CorpID, l.UserID, l.AddedAt, l.RemovedAt, l.RemovedBy, l.State})
		}
		for _, f := range p.Follows {
			if !d.follow[f.AppID] {
				continue
			}
			follows = append(follows, []any{p.ID, f.AppID, f.FollowedAt, f.UnfollowedAt})
		}
	}
	err := tx.Upsert(ctx, "contacts", []string{"id"}, []string{"id", "created_at", "last_active_at", "excluded", "merged_into", "rev", "consent_mask", "consents"},
		[]string{"last_active_at", "excluded", "merged_into", "rev", "consent_mask", "consents"}, rows)
	if err != nil {
		return err
	}
	err = tx.Upsert(ctx, "contact_values", []string{"contact_id", "field"}, []string{"contact_id", "field", "num", "text", "norm", "at"},
		[]string{"num", "text", "norm", "at"}, values)
	if err != nil {
		return err
	}
	for _, g := range gone {
		if _, err := tx.Exec(ctx, "DELETE FROM contact_values WHERE contact_id=? AND field=?", g[0], g[1]); err != nil {
			return fmt.Errorf("clear field: %w", err)
		}
	}
	err = tx.Upsert(ctx, "contact_staff", []string{"contact_id", "corp_id", "user_id"},
		[]string{"contact_id", "corp_id", "user_id", "added_at", "removed_at", "removed_by", "state"},
		[]string{"added_at", "removed_at", "removed_by", "state"}, staff)
	if err != nil {
		return err
	}
	return tx.Upsert(ctx, "contact_follow", []string{"contact_id", "app_id"}, []string{"contact_id", "app_id", "followed_at", "unfollowed_at"},
		[]string{"followed_at", "unfollowed_at"}, follows)
}

func sortedIDs[V any](m map[int64]V) []int64 {
	out := make([]int64, 0, len(m))
	for id := range m {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// logDropped tells the operator about input that was left out of a person, without its value.
func logDropped(e *event.Event, what string, err error) {
	slog.Warn("事件里的一项没有采用", "event", e.ID(), "type", e.Type, "item", what, "err", err)
}
