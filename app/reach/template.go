package reach

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/policy"
)

// template is what one person may still be sent by one template of an account, and was sent today. A yes
// to a one-time subscription is worth one message. Yeses to a mini-program's add up; those to a 订阅通知
// and to one-time messages (一次性订阅) do not where they were given in the same scene.
type template struct {
	templateKey
	balance    int
	scenes     scenes // of an official account's 订阅通知
	longTerm   bool
	rejected   bool
	answeredAt int64 // of the newest answer
	day        int32 // that inDay counts
	inDay      int
	dirty      bool
}

type templateKey struct {
	contact  int64
	account  string
	template string
}

// scenes are the places a person said yes to a 订阅通知 in, one bit each: the lower bits are those whose
// yes is not used yet, the higher ones all where one was ever given.
type scenes int64

const sceneBits = 8

// sceneBit is the place of an answer; answers without one share a bit.
func sceneBit(name string) scenes {
	switch name {
	case "h5":
		return 1
	case "article":
		return 2
	}
	return 4
}

func (s scenes) open() scenes { return s & (1<<sceneBits - 1) }
func (s scenes) ever() scenes { return s >> sceneBits }
func (s scenes) left() int    { return bits.OnesCount64(uint64(s.open())) }

// maxBalance bounds what a person can pile up; the platform has a bound of its own.
const maxBalance = 1000

// answer takes what a person said when asked to subscribe. Answers may come out of order: an older one
// than a refusal changes nothing any more.
func (t *template) answer(what string, scene scenes, once, longTerm bool, at int64) {
	switch what {
	case "accept":
		if at < t.answeredAt && t.rejected {
			return
		}
		t.rejected = false
		t.longTerm = t.longTerm || longTerm
		switch {
		case once:
			t.balance = 1
		case scene != 0:
			t.scenes |= scene | scene<<sceneBits
			t.balance = t.scenes.left()
		default:
			t.balance = min(t.balance+1, maxBalance)
		}
	case "reject", "ban":
		if at < t.answeredAt {
			return
		}
		t.end()
	default: // filter: the platform did not even ask
		return
	}
	t.answeredAt, t.dirty = max(t.answeredAt, at), true
}

// end is what a refusal leaves.
func (t *template) end() {
	t.balance, t.longTerm, t.rejected = 0, false, true
	t.scenes &^= t.scenes.open()
}

// spend takes one message, if there is one.
func (t *template) spend() {
	if t.longTerm || t.balance == 0 {
		return
	}
	t.balance--
	t.scenes &^= t.scenes.open() & -t.scenes.open() // the lowest of those that are set
	t.dirty = true
}

// refund gives back what spend took. The same scene may have been answered again since: then there is
// nothing to give back.
func (t *template) refund() {
	switch ever := t.scenes.ever(); {
	case strings.Contains(t.template, "/"):
		t.balance = 1
	case ever != 0:
		used := ever &^ t.scenes.open()
		t.scenes |= used & -used
		t.balance = t.scenes.left()
	default:
		t.balance = min(t.balance+1, maxBalance)
	}
	t.dirty = true
}

// clear takes over that the platform found no subscription (43101) for a message sent at a time. What the
// person answered after that stays.
func (t *template) clear(sentAt int64) {
	if t.answeredAt > sentAt {
		return
	}
	t.end()
	t.dirty = true
}

func (t *template) fact() policy.Balance {
	return policy.Balance{Left: t.balance, LongTerm: t.longTerm, Rejected: t.rejected}
}

// join adds what was known of somebody who turned out to be the same person.
func (t *template) join(o *template) {
	switch {
	case o.answeredAt == 0:
	case t.rejected && t.answeredAt >= o.answeredAt: // the later no counts
	case o.rejected && o.answeredAt >= t.answeredAt:
		t.end()
	case t.rejected:
		t.balance, t.longTerm, t.rejected, t.scenes = o.balance, o.longTerm, false, o.scenes
	case o.rejected:
	default:
		t.balance, t.longTerm = min(t.balance+o.balance, maxBalance), t.longTerm || o.longTerm
		if t.scenes |= o.scenes; t.scenes != 0 {
			t.balance = t.scenes.left()
		}
	}
	t.answeredAt = max(t.answeredAt, o.answeredAt)
	switch {
	case o.day > t.day:
		t.day, t.inDay = o.day, o.inDay
	case o.day == t.day:
		t.inDay += o.inDay
	}
	t.dirty = true
}

// Few batches ask about templates or numbers, and which people they ask about shows only while events
// pass. So these facts are read when the first question comes: for all people of the batch at once.
// An error is kept for Flush, which refuses the batch: nothing that was decided on it counts.
type lazy struct {
	looked map[int64]bool
}

func (l *lazy) reset() { l.looked = map[int64]bool{} }

// missing returns the ids to read when a question about one comes, and marks them as read.
func (l *lazy) missing(s *Stage, id int64) []int64 {
	if l.looked[id] {
		return nil
	}
	var ids []int64
	for _, x := range append([]int64{id}, s.people.Loaded()...) {
		if !l.looked[x] {
			l.looked[x] = true
			ids = append(ids, x)
		}
	}
	slices.Sort(ids)
	return ids
}

func (s *Stage) keep(err error) {
	if err != nil && s.err == nil {
		s.err = err
	}
}

const templateFields = "contact_id, account, template, balance, long_term, rejected, answered_at, day, in_day, scenes"

var templateColumns = []string{"contact_id", "account", "template", "balance", "long_term", "rejected", "answered_at", "day", "in_day", "scenes"}

func scanTemplate(r *sql.Rows) (*template, error) {
	t := &template{}
	return t, r.Scan(&t.contact, &t.account, &t.template, &t.balance, &t.longTerm, &t.rejected, &t.answeredAt, &t.day, &t.inDay, &t.scenes)
}

func (s *Stage) needTemplates(contact int64) {
	ids := s.readTemplates.missing(s, contact)
	if len(ids) == 0 || s.tx == nil {
		return
	}
	err := db.EachIn(s.ctx, s.tx, "SELECT "+templateFields+" FROM reach_templates WHERE contact_id IN (%s)", ids, nil, func(r *sql.Rows) error {
		t, err := scanTemplate(r)
		if err == nil {
			s.templates[t.templateKey] = t
		}
		return err
	})
	if err != nil {
		s.keep(fmt.Errorf("load template balances: %w", err))
	}
}

// template finds what is known, or begins to know.
func (s *Stage) template(contact int64, account, name string) *template {
	k := templateKey{s.person(contact), account, name}
	s.needTemplates(k.contact)
	if t := s.templates[k]; t != nil {
		return t
	}
	t := &template{templateKey: k}
	s.templates[k] = t
	return t
}

// spendable is the row a message takes from. One-time messages are subscribed by scene, under
// "<template>/<scene>"; who asks with the template alone means any scene.
func (s *Stage) spendable(contact int64, account, name string) *template {
	t := s.template(contact, account, name)
	if t.balance > 0 || t.longTerm || t.rejected || strings.Contains(name, "/") {
		return t
	}
	best := t
	for k, o := range s.templates {
		if k.contact == t.contact && k.account == account && strings.HasPrefix(k.template, name+"/") && o.balance > 0 &&
			(best == t || k.template < best.template) {
			best = o
		}
	}
	return best
}

// Balance is what a person's subscription of a template leaves; of people of the batch, or of an outbox
// row in it.
func (s *Stage) Balance(contact int64, account, template string) policy.Balance {
	return s.spendable(contact, account, template).fact()
}

// SpendBalance takes one message from the balance.
func (s *Stage) SpendBalance(contact int64, account, template string) {
	s.spendable(contact, account, template).spend()
}

// ReturnBalance gives back what SpendBalance took for a message sent at a time: the platform surely did not
// take it. Where the person or the platform ended the subscription since, nothing comes back.
func (s *Stage) ReturnBalance(contact int64, account, template string) {
	t := s.template(contact, account, template)
	if t.answeredAt == 0 && !strings.Contains(template, "/") { // it was taken from a scene
		for _, k := range sortedTemplates(s.templates) {
			if k.contact == t.contact && k.account == account && strings.HasPrefix(k.template, template+"/") && s.templates[k].balance == 0 {
				t = s.templates[k]
				break
			}
		}
	}
	if t.rejected || t.longTerm || t.answeredAt == 0 {
		return
	}
	t.refund()
}

// ClearBalance takes over the platform's word that there is no subscription (43101), about a message sent
// at a business time.
func (s *Stage) ClearBalance(contact int64, account, template string, sentAt int64) {
	s.spendable(contact, account, template).clear(sentAt)
}

// LongTerm notes that a template is a long-term subscription: who answered yes once may always be sent it.
func (s *Stage) LongTerm(contact int64, account, template string) {
	if t := s.template(contact, account, template); t.answeredAt > 0 && !t.rejected && !t.longTerm {
		t.longTerm, t.dirty = true, true
	}
}

// TemplateToday is how many messages of a template a person was sent today.
func (s *Stage) TemplateToday(contact int64, account, template string) int {
	if t := s.template(contact, account, template); t.day == clock.Day(s.now, s.zone) {
		return t.inDay
	}
	return 0
}

// CountTemplate counts one message of a template to a person.
func (s *Stage) CountTemplate(contact int64, account, template string) {
	t, today := s.template(contact, account, template), clock.Day(s.now, s.zone)
	if t.day != today {
		t.day, t.inDay = today, 0
	}
	t.inDay++
	t.dirty = true
}

// answered takes an answer to a subscription request.
func (s *Stage) answered(e *event.Event, at int64) {
	name := e.Props.Str("template_id")
	once, _ := e.Props["once"].(bool)
	if name == "" || len(name) > 64 || e.ContactID == 0 {
		return
	}
	if scene := e.Props.Str("scene"); once && scene != "" && len(name)+1+len(scene) <= 64 {
		name += "/" + scene
	}
	longTerm, _ := e.Props["long_term"].(bool)
	var place scenes
	if e.Type == event.OASubscriptionAnswered {
		place = sceneBit(e.Props.Str("scene"))
	}
	s.template(e.ContactID, e.Account, name).answer(e.Props.Str("answer"), place, once, longTerm, at)
}

// mergeTemplates gives kept what old had.
func (s *Stage) mergeTemplates(kept, old int64) {
	s.needTemplates(old)
	for _, k := range sortedTemplates(s.templates) {
		if k.contact != old {
			continue
		}
		t := s.templates[k]
		delete(s.templates, k)
		s.movedTemplates = append(s.movedTemplates, old)
		to := templateKey{kept, k.account, k.template}
		if had := s.templates[to]; had != nil {
			had.join(t)
			continue
		}
		t.templateKey, t.dirty = to, true
		s.templates[to] = t
	}
}

func sortedTemplates(m map[templateKey]*template) []templateKey {
	return slices.SortedFunc(maps.Keys(m), func(a, b templateKey) int {
		return cmp.Or(cmp.Compare(a.contact, b.contact), cmp.Compare(a.account, b.account), cmp.Compare(a.template, b.template))
	})
}

func (s *Stage) flushTemplates(ctx context.Context, tx *db.Tx) error {
	slices.Sort(s.movedTemplates)
	for part := range slices.Chunk(slices.Compact(s.movedTemplates), 100) {
		if _, err := tx.Exec(ctx, "DELETE FROM reach_templates WHERE contact_id IN ("+db.Marks(len(part))+")", db.Args(part)...); err != nil {
			return fmt.Errorf("fold template balances of merges: %w", err)
		}
	}
	var rows [][]any
	for _, k := range sortedTemplates(s.templates) {
		if t := s.templates[k]; t.dirty {
			rows = append(rows, []any{k.contact, k.account, k.template, t.balance, t.longTerm, t.rejected, t.answeredAt, t.day, t.inDay, int64(t.scenes)})
		}
	}
	return tx.Upsert(ctx, "reach_templates", templateColumns[:3], templateColumns, templateColumns[3:], rows)
}

// number is that a person's phone number does not exist.
type number struct {
	code  string
	at    int64 // 0: it does, as far as we know
	dirty bool
}

func (s *Stage) needNumbers(contact int64) {
	ids := s.readNumbers.missing(s, contact)
	if len(ids) == 0 || s.tx == nil {
		return
	}
	err := db.EachIn(s.ctx, s.tx, "SELECT contact_id, code, at FROM reach_dead_numbers WHERE contact_id IN (%s)", ids, nil, func(r *sql.Rows) error {
		var id int64
		n := &number{}
		err := r.Scan(&id, &n.code, &n.at)
		s.numbers[id] = n
		return err
	})
	if err != nil {
		s.keep(fmt.Errorf("load dead numbers: %w", err))
	}
}

// NumberDead reports whether the carrier said that the person's number does not exist.
func (s *Stage) NumberDead(contact int64) bool {
	contact = s.person(contact)
	s.needNumbers(contact)
	n := s.numbers[contact]
	return n != nil && n.at > 0
}

// KillNumber takes over the carrier's word about a message sent at a business time; code is its reason.
func (s *Stage) KillNumber(contact int64, code string, sentAt int64) {
	contact = s.person(contact)
	s.needNumbers(contact)
	if len(code) > 64 {
		code = code[:64]
	}
	s.numbers[contact] = &number{code: code, at: sentAt, dirty: true}
}

// ReviveNumber notes that a number was used, or proven, after it was called dead.
func (s *Stage) ReviveNumber(contact int64) {
	contact = s.person(contact)
	s.needNumbers(contact)
	if n := s.numbers[contact]; n != nil && n.at > 0 {
		n.at, n.dirty = 0, true
	}
}

func (s *Stage) flushNumbers(ctx context.Context, tx *db.Tx) error {
	var rows [][]any
	var gone []int64
	for _, id := range slices.Sorted(maps.Keys(s.numbers)) {
		switch n := s.numbers[id]; {
		case !n.dirty:
		case n.at == 0:
			gone = append(gone, id)
		default:
			rows = append(rows, []any{id, n.code, n.at})
		}
	}
	for part := range slices.Chunk(gone, 100) {
		if _, err := tx.Exec(ctx, "DELETE FROM reach_dead_numbers WHERE contact_id IN ("+db.Marks(len(part))+")", db.Args(part)...); err != nil {
			return fmt.Errorf("revive numbers: %w", err)
		}
	}
	return tx.Upsert(ctx, "reach_dead_numbers", []string{"contact_id"}, []string{"contact_id", "code", "at"}, []string{"code", "at"}, rows)
}
