package simulator

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"sync"
)

// Delivery is a message that reached a phone: past every check, quota and dedupe of the platform.
type Delivery struct {
	ID      int64           `json:"id"`
	At      int64           `json:"at"` // business time, Unix ms
	API     string          `json:"api"`
	Account string          `json:"account"` // AppID, or CorpID/AgentID
	To      string          `json:"to"`
	Kind    string          `json:"kind"`  // text, textcard, template_card, template …
	Key     string          `json:"key"`   // of account, recipient, kind and content
	Count   int             `json:"count"` // how many times this key was delivered, this time included
	Text    string          `json:"text"`
	Content json.RawMessage `json:"content"`
	MsgID   string          `json:"msgid,omitempty"`
}

// deliveryKey names a content at a recipient in few bytes, since millions are kept.
type deliveryKey [16]byte

// deliveries is the journal of what was delivered. The last ones are kept whole in a ring; how often each
// content was delivered is exact up to a bound of contents, totals always.
type deliveries struct {
	bell bell

	mu      sync.Mutex
	ring    ring[Delivery]
	counts  map[deliveryKey]int32
	limit   int
	totals  DeliveryTotals
	byAPI   map[string]int64
	repeats map[deliveryKey]Delivery // those delivered more than once: the last time each
}

// DeliveryTotals are exact from the start of the simulator.
type DeliveryTotals struct {
	Delivered  int64 `json:"delivered"`
	Contents   int64 `json:"contents"`    // different ones, counted by key
	Repeated   int64 `json:"repeated"`    // keys delivered more than once
	Uncounted  int64 `json:"uncounted"`   // deliveries beyond the bound on keys: their repeats are not seen
	Deduped    int64 `json:"deduped"`     // sends the platform took and dropped as repeats
	OverQuota  int64 `json:"over_quota"`  // sends the platform took and silently dropped
	DedupeLost int64 `json:"dedupe_lost"` // sends forgotten before their dedupe window ended, for lack of room
}

// maxRepeats bounds how many repeated contents are kept to look at; their number is exact beyond it.
const maxRepeats = 1000

func newDeliveries(history, keys int) *deliveries {
	return &deliveries{ring: newRing[Delivery](history), counts: map[deliveryKey]int32{}, limit: keys, byAPI: map[string]int64{}, repeats: map[deliveryKey]Delivery{}}
}

// message is a delivery being made, with who shows it on a phone.
type message struct {
	account  string
	to       string
	kind     string
	content  any
	msgID    string
	label    string    // who it is from, as the phone shows it
	in       string    // the conversation it appears in; default: the account
	follower *follower // the phone, one of the four
	miniUser *miniUser
	staff    *staff
	contact  *contact
	person   *person // or this one, for what comes to a number
	card     *card
	body     []byte // content as JSON, made by deliver
}

// deliver puts a message on a phone and into the journal. Simulator.mu is held.
func (s *Simulator) deliver(c *call, m message) {
	if m.body == nil {
		m.body = encode(m.content)
	}
	d := Delivery{At: c.now, API: c.path, Account: m.account, To: m.to, Kind: m.kind, MsgID: m.msgID, Content: m.body}
	d.Text = summary(m.kind, m.content)
	s.deliveries.add(d)
	if p := s.phoneOf(m); p != nil {
		def(&m.in, m.account)
		p.add(line{At: c.now, In: m.in, From: m.label, App: m.account, Kind: m.kind, Text: d.Text, Content: m.body, card: m.card})
		s.touch(p)
	}
}

// encode is JSON with its keys sorted and nothing escaped for HTML, so that equal contents have equal bytes.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return []byte("null")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func (d *deliveries) add(x Delivery) {
	var key deliveryKey
	h := sha256.New()
	for _, s := range []string{x.Account, x.To, x.Kind} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	h.Write(x.Content)
	copy(key[:], h.Sum(nil))
	x.Key, x.Count = hex.EncodeToString(key[:]), 1

	d.mu.Lock()
	d.totals.Delivered++
	d.byAPI[x.API]++
	x.ID = d.totals.Delivered
	switch n, known := d.counts[key]; {
	case known:
		if n == 1 {
			d.totals.Repeated++
		}
		d.counts[key] = n + 1
		x.Count = int(n) + 1
		if _, kept := d.repeats[key]; kept || len(d.repeats) < maxRepeats {
			d.repeats[key] = x
		}
	case len(d.counts) < d.limit:
		d.counts[key] = 1
		d.totals.Contents++
	default:
		d.totals.Uncounted++
	}
	d.ring.push(x)
	d.mu.Unlock()
	d.bell.ring()
}

// repeated counts a send that was answered like its first and delivered nothing.
func (d *deliveries) repeated()  { d.mu.Lock(); d.totals.Deduped++; d.mu.Unlock() }
func (d *deliveries) overQuota() { d.mu.Lock(); d.totals.OverQuota++; d.mu.Unlock() }

// DeliveryFilter chooses deliveries; its zero value chooses all that are kept.
type DeliveryFilter struct {
	After   int64  // only those with a greater ID
	Account string // AppID, or CorpID/AgentID
	To      string
	Kind    string
	Repeats bool // only contents delivered more than once: the last time each, however long ago
	Limit   int  // the newest so many; 0: all that are kept
}

func (f DeliveryFilter) takes(d Delivery) bool {
	return d.ID > f.After && (f.Account == "" || f.Account == d.Account) && (f.To == "" || f.To == d.To) &&
		(f.Kind == "" || f.Kind == d.Kind)
}

// Deliveries are the messages that reached phones, the oldest first, with Count brought up to date.
func (s *Simulator) Deliveries(f DeliveryFilter) []Delivery {
	d := s.deliveries
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []Delivery
	if f.Repeats {
		for _, x := range d.repeats {
			if f.takes(x) {
				out = append(out, x)
			}
		}
		slices.SortFunc(out, func(a, b Delivery) int { return cmp.Compare(a.ID, b.ID) })
	} else {
		for x := range d.ring.all() {
			if f.takes(x) {
				out = append(out, x)
			}
		}
	}
	if f.Limit > 0 && len(out) > f.Limit {
		out = out[len(out)-f.Limit:]
	}
	for i := range out {
		if n, known := d.counts[keyOf(out[i].Key)]; known {
			out[i].Count = int(n)
		}
	}
	return out
}

func keyOf(s string) (key deliveryKey) {
	_, _ = hex.Decode(key[:], []byte(s))
	return key
}

// DeliveryTotals counts from the start of the simulator.
func (s *Simulator) DeliveryTotals() DeliveryTotals {
	s.mu.Lock()
	lost := s.sent.evicted + s.clientMsgs.evicted
	s.mu.Unlock()
	s.deliveries.mu.Lock()
	defer s.deliveries.mu.Unlock()
	t := s.deliveries.totals
	t.DedupeLost = lost
	return t
}

// DeliveredBy counts deliveries by the interface they came through, exactly, from the start of the
// simulator.
func (s *Simulator) DeliveredBy() map[string]int64 {
	s.deliveries.mu.Lock()
	defer s.deliveries.mu.Unlock()
	return maps.Clone(s.deliveries.byAPI)
}

// WaitDelivered returns the first kept delivery, past or to come, for which accept holds, or the error of
// ctx. accept is called once for each delivery, in order, without any lock held.
func (s *Simulator) WaitDelivered(ctx context.Context, accept func(Delivery) bool) (Delivery, error) {
	var found Delivery
	var seen int64
	err := s.deliveries.bell.until(ctx, func() bool {
		for _, d := range s.deliveries.after(seen) {
			seen = d.ID
			if accept(d) {
				found = d
				return true
			}
		}
		return false
	})
	return found, err
}

func (d *deliveries) after(id int64) []Delivery {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ring.last(int(d.totals.Delivered - id))
}
