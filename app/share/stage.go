package share

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/secret"
)

// SettleAfter is how long a credit waits for what may still speak against it.
const SettleAfter = 24 * time.Hour

const (
	// So many arrivals through one token from one place in one such span of time are no readers.
	burstWindow = int64(10 * time.Minute / time.Millisecond)
	burstSize   = 10
	// Who was met so shortly before came by this share: WeChat tells who they are before the page is seen.
	firstVisit = int64(2 * time.Minute / time.Millisecond)

	source    = "t" // of beacons
	objPage   = "page"
	maxReason = 200
)

// Stage keeps tokens and arrivals as events pass. A beacon only notes who came through what; each arrival
// is judged by a timer right after, in a batch that also loads the sharer, and again at settlement.
type Stage struct {
	people *contact.Stage
	keys   *secret.Keys

	// Of the batch:
	now    int64
	tokens map[string]*token
	opens  map[int64]*open
	places map[place][]*open // by person and page
	judged map[string]map[int64]Verdict
	bursts map[burst]bool
	merges []merge
	chains map[[2]string]chain
	own    map[*event.Event]string // own token of a beacon's visitor
}

type token struct {
	token, page, staff  string
	contact, person, at int64
	fresh, dirty        bool
}

type place struct {
	person int64
	page   string
}

type merge struct{ kept, old int64 }

type chain struct {
	id     int64
	token  string
	staff  string
	minted bool
	at     int64
}

// open is a row of share_opens.
type open struct {
	id                  int64
	page, parent, own   string
	contact, person, at int64
	net                 string
	bot, newcomer       bool
	Verdict
	state           State
	reason          string
	told            bool
	settleAt, dueAt int64

	dirty bool
	moved bool // what it means for those below changed
}

// NewStage makes the stage; it stands behind the contact stage.
func NewStage(people *contact.Stage, keys *secret.Keys) *Stage {
	return &Stage{people: people, keys: keys}
}

// Name of the stage.
func (s *Stage) Name() string { return "share" }

// arrives reports whether a beacon shows that somebody is at a page.
func arrives(e *event.Event) bool {
	return e.N == 0 && e.Source == source && e.ObjectType == objPage && e.ObjectID != "" && strings.HasPrefix(e.Type, "page.") &&
		e.Type != event.PageShareOpened && e.Type != event.PageSharePrepared
}

func visitor(e *event.Event) string {
	for _, id := range e.Identities {
		if id.Kind == event.KindVisitor {
			return id.Value
		}
	}
	return ""
}

// Load reads the tokens that the batch's beacons name, and for arrivals that are due everything they are
// judged by. A batch without either costs no query.
func (s *Stage) Load(ctx context.Context, tx *db.Tx, b *event.Batch) error {
	s.now = b.Now
	s.tokens, s.opens, s.places = map[string]*token{}, map[int64]*open{}, map[place][]*open{}
	s.judged, s.bursts, s.chains = map[string]map[int64]Verdict{}, map[burst]bool{}, map[[2]string]chain{}
	s.own = map[*event.Event]string{}
	s.merges = nil
	var tokens []string
	var due []int64
	shared := map[string]bool{} // visitors who came through a token
	for _, e := range b.Events {
		switch {
		case arrives(e):
			v := visitor(e)
			if v == "" {
				continue
			}
			own := Token(s.keys, e.ObjectID, Visitor(v))
			s.own[e] = own
			tokens = append(tokens, own)
			if IsToken(e.Share) {
				tokens = append(tokens, e.Share)
				shared[v] = true
			}
		case e.Type == event.CommandShare:
			tokens = append(tokens, e.Props.Str("token"))
		case e.Type == event.TimerShare:
			due = append(due, e.Props.Int("open"))
		case e.Type == event.CommandShareSettle:
			due = append(due, e.Props.Int("credit"))
		}
	}
	if err := s.loadTokens(ctx, tx, tokens); err != nil {
		return err
	}
	if len(shared) > 0 {
		var people []int64
		for _, id := range s.people.Loaded() {
			if slices.ContainsFunc(s.people.Person(id).Identities, func(i contact.PersonIdentity) bool {
				return i.Kind == event.KindVisitor && shared[i.Value]
			}) {
				people = append(people, id)
			}
		}
		if err := s.loadOpens(ctx, tx, "person_id", people, nil); err != nil {
			return err
		}
	}
	return s.loadDue(ctx, tx, due)
}

// Apply notes what a beacon shows, registers minted tokens, judges what is due and follows merges.
func (s *Stage) Apply(b *event.Batch, e *event.Event) error {
	switch {
	case e.Type == event.PageSharePrepared:
		e.Hidden = true // every page a phone shows prepares its card: among people's acts it would look like one
	case e.Type == event.ContactMerged:
		s.merge(e.Props.Int("kept"), e.Props.Int("old"))
	case e.Type == event.CommandShare:
		s.mint(e)
	case e.Type == event.CommandShareSettle:
		s.command(e)
	case e.Type == event.TimerShare:
		return s.due(b, e)
	case s.own[e] != "":
		s.arrive(e, s.own[e])
	}
	return nil
}

// arrive registers the viewer's own token of the page, and how they came.
func (s *Stage) arrive(e *event.Event, own string) {
	p := s.people.Person(e.ContactID)
	if p == nil {
		return
	}
	s.register(&token{token: own, page: e.ObjectID, contact: p.ID, person: p.ID, at: e.OccurredAt})
	if !IsToken(e.Share) {
		return
	}
	if t := s.tokens[e.Share]; t != nil && t.page != e.ObjectID {
		return // the token of another page says nothing about this one
	}
	if t := s.tokens[e.Share]; t != nil && t.staff != "" && t.person == 0 && isStaff(p, t.staff) {
		t.person, t.contact, t.dirty = p.ID, p.ID, true
	}
	bot := e.Props["bot"] == true
	at := place{p.ID, e.ObjectID}
	for _, o := range s.places[at] {
		if o.parent == e.Share {
			o.again(e, bot)
			return
		}
	}
	o := &open{id: int64(e.ID()), page: e.ObjectID, parent: e.Share, own: own, contact: p.ID, person: p.ID, at: e.OccurredAt, net: db.Clip(e.Props.Str("net"), 32),
		bot: bot, newcomer: p.New || e.OccurredAt-p.CreatedAt < firstVisit, settleAt: e.ReceivedAt + SettleAfter.Milliseconds(), dueAt: e.ReceivedAt, dirty: true}
	s.opens[o.id] = o
	s.places[at] = append(s.places[at], o)
}

// again takes over what a further beacon of a known arrival says: the person's own first moment counts.
func (o *open) again(e *event.Event, bot bool) {
	if o.state == Settled || o.state == Reversed || bot && !o.bot || bot == o.bot && e.OccurredAt >= o.at {
		return
	}
	o.at, o.net, o.bot, o.dirty = e.OccurredAt, db.Clip(e.Props.Str("net"), 32), bot, true
	o.dueAt = e.ReceivedAt
}

// isStaff reports whether a person is known to be the member of staff.
func isStaff(p *contact.Person, member string) bool {
	corp, user, _ := strings.Cut(member, "/")
	return slices.ContainsFunc(p.Identities, func(i contact.PersonIdentity) bool {
		return i.Kind == event.KindUserID && i.Scope == corp && i.Value == user
	})
}

func (s *Stage) register(t *token) {
	if s.tokens[t.token] != nil {
		return
	}
	t.fresh, t.dirty = true, true
	s.tokens[t.token] = t
}

// mint registers the token of a link that was asked for.
func (s *Stage) mint(e *event.Event) {
	t := &token{token: e.Props.Str("token"), page: e.Props.Str("page"), staff: e.Props.Str("staff"), at: e.OccurredAt}
	if p := s.people.Person(e.ContactID); p != nil {
		t.contact, t.person = p.ID, p.ID
	}
	if !IsToken(t.token) || t.page == "" || t.staff == "" && t.person == 0 {
		return
	}
	if had := s.tokens[t.token]; had != nil {
		if t.person != 0 && had.person != t.person && had.staff != "" {
			had.contact, had.person, had.dirty = t.contact, t.person, true
		}
	}
	s.register(t)
	top := staffNode + t.staff
	if t.staff == "" {
		top = (&judge{}).person(t.person)
	}
	s.chains[[2]string{t.page, top}] = chain{id: int64(e.ID()), token: t.token, staff: t.staff, minted: true, at: e.OccurredAt}
}

// command settles a credit now, or takes it back.
func (s *Stage) command(e *event.Event) {
	o := s.opens[e.Props.Int("credit")]
	if o == nil || o.state != Pending && o.state != Settled {
		return
	}
	switch e.Props.Str("action") {
	case "settle":
		o.settleAt, o.dueAt, o.dirty = e.OccurredAt, e.OccurredAt, true
	case "reverse":
		o.state, o.reason, o.dueAt, o.dirty = Reversed, db.Clip(e.Props.Str("reason"), maxReason), 0, true
	}
}

// due judges an arrival.
func (s *Stage) due(b *event.Batch, e *event.Event) error {
	o := s.opens[e.Props.Int("open")]
	if o == nil {
		return nil
	}
	if s.judged[o.page] == nil {
		s.judged[o.page] = s.judge(o.page)
	}
	first := o.state == Fresh || o.state == Waiting
	o.conclude(s.judged[o.page][o.id], s.now, e.ReceivedAt)
	if t := s.tokens[o.parent]; first && o.Mark == Self && t != nil && t.staff != "" {
		o.moved = true // the browser turned out to be the employee's
	}
	s.again(o)
	if ties(o.Mark) && o.moved {
		s.begin(o)
	}
	if o.Mark != Counted || o.told || o.state == Reversed {
		return nil
	}
	o.told = true
	corp, user, _ := strings.Cut(o.Root, "/")
	return b.Emit(e, event.Event{Type: event.PageShareOpened, ObjectType: objPage, ObjectID: o.page, Share: o.parent, Account: corp, Staff: user,
		OccurredAt: o.at, ReceivedAt: max(o.at, e.ReceivedAt),
		Props: event.Props{"page": o.page, "token": o.parent, "depth": o.Depth, "root": o.Root, "opener": o.person, "newcomer": o.newcomer}})
}

// judge judges everything at hand of a page.
func (s *Stage) judge(page string) map[int64]Verdict {
	var arrivals []Arrival
	owners := map[string]Owner{}
	for _, o := range s.opens {
		if o.page != page {
			continue
		}
		arrivals = append(arrivals, Arrival{ID: o.id, Person: o.person, Parent: o.parent, Own: o.own, At: o.at, Bot: o.bot, Burst: s.bursts[o.burst()],
			Fixed: o.state == Settled || o.state == Reversed})
		if t := s.tokens[o.parent]; t != nil {
			owners[o.parent] = Owner{Staff: t.staff, Person: t.person}
		}
	}
	return Judge(arrivals, owners)
}

// again has a person's other arrivals at the page judged again where this one, or when it was, changed what
// they are worth.
func (s *Stage) again(o *open) {
	for _, x := range s.places[place{o.person, o.page}] {
		if x != o && x.state != Fresh && x.Verdict != s.judged[o.page][x.id] {
			x.dueAt, x.dirty = s.now, true
		}
	}
}

// ties reports whether an arrival with the mark binds its person to a chain.
func ties(m Mark) bool { return m == Counted || m == Burst }

// conclude takes over a verdict. since is when it became due.
func (o *open) conclude(v Verdict, now, since int64) {
	judged := o.state != Fresh && o.state != Waiting
	// What stands below hears of it when the tie is another one.
	if v != o.Verdict && (ties(v.Mark) || judged && ties(o.Mark)) || !judged && ties(v.Mark) {
		o.moved = true
	}
	was := o.state
	o.Verdict, o.dirty, o.dueAt = v, true, 0
	switch {
	case was == Reversed:
	case v.Mark == Unknown:
		o.state = Waiting
	case was == Settled:
		if v.Mark != Counted {
			o.state, o.reason = Reversed, "复核时发现："+v.Mark.Label().Name
		}
	default:
		if was == Waiting {
			o.settleAt = max(o.settleAt, since+SettleAfter.Milliseconds())
		}
		over := now >= o.settleAt
		switch {
		case v.Mark != Counted:
			o.state = NotCounted
		case over:
			o.state = Settled
		default:
			o.state = Pending
		}
		if !over {
			o.dueAt = o.settleAt
		}
	}
}

// begin notes who stands first in an arrival's chain.
func (s *Stage) begin(o *open) {
	c := chain{id: o.id, staff: o.Root, at: o.at}
	switch {
	case o.Root != "":
		c.token = Token(s.keys, o.page, Staff(o.Root))
	default:
		id := ContactTop(o.Top)
		for _, t := range s.tokens {
			if t.page == o.page && t.staff == "" && t.person == id && id != 0 && (c.token == "" || t.token < c.token) {
				c.token = t.token
			}
		}
	}
	key := [2]string{o.page, o.Top}
	if had, ok := s.chains[key]; c.token == "" || ok && (had.minted || had.id <= c.id) {
		return
	}
	s.chains[key] = c
}

// merge makes one person of two: what they brought each other is their own now, and a second arrival of
// theirs at a page is a repeat. So everything of theirs is judged again.
func (s *Stage) merge(kept, old int64) {
	s.merges = append(s.merges, merge{kept, old})
	for _, t := range s.tokens {
		if t.person == old {
			t.person = kept
		}
	}
	for _, o := range s.opens {
		if o.person == old {
			o.person = kept
			s.places[place{kept, o.page}] = append(s.places[place{kept, o.page}], o)
		}
		if o.person == kept && o.dirty {
			o.dueAt = s.now
		}
	}
	clear(s.judged)
}
