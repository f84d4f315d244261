package demo

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/share"
)

// sharers are those of the staff who shared pages before the demo began. 陈静 is not among them: her chain
// grows before one's eyes.
var sharers = []string{"sales01", sales, "market01", "sales04", "care02", "sales08", "market03", "sunhao"}

const (
	relayDays    = 45 // a link goes on being passed for so long
	relayDepth   = 4  // hops at most
	relayReaders = 26 // of one link, at most
)

// relay is a link on its way: who has it, and how far they are from who shared it first.
type relay struct {
	page    string
	since   int64
	holders []holder
	room    int
}

type holder struct {
	who   share.Sharer
	depth int
	at    int64
}

// spread lets links of the staff go from hand to hand among the people of the past: some views of pages that
// there were anyway become views of what somebody passed on. Shares are named by their sharer, since only the
// server has the key that makes their tokens.
func (p *past) spread(r *rand.Rand, days int) {
	if len(p.events) == 0 {
		return
	}
	begin := p.events[0].OccurredAt
	var links []*relay
	var minted []*event.Event
	for i, user := range sharers {
		for j, page := range []string{paperPage, pricePage} {
			if j == 1 && i%3 > 0 { // prices are for a few to share
				continue
			}
			at := workday(r, begin+int64(days)*24*time.Hour.Milliseconds()/int64(len(sharers)+1)*int64(i), begin, p.events[len(p.events)-1].OccurredAt)
			member := corpID + "/" + user
			first := share.Staff(member)
			minted = append(minted, &event.Event{Type: event.CommandShare, Key: fmt.Sprintf("past/link/%d/%d", i, j), Source: "console", OccurredAt: at,
				Props: event.Props{"token": string(first), "page": page, "staff": member}})
			links = append(links, &relay{page: page, since: at, room: 6 + r.IntN(relayReaders-5), holders: []holder{{who: first, at: at}}})
		}
	}
	been := map[string]bool{} // visitor and page: whoever was brought once is not brought again
	for _, e := range p.events {
		if e.Type != event.PageViewed || e.Props["channel"] != "h5" || r.IntN(12) > 0 {
			continue
		}
		visitor := e.Identities[0].Value
		l := links[r.IntN(len(links))]
		if l.room == 0 || e.OccurredAt < l.since || e.OccurredAt > l.since+relayDays*24*time.Hour.Milliseconds() || been[visitor+l.page] {
			continue
		}
		from := l.holders[0]
		if r.IntN(5) > 1 { // most things come from somebody who got them
			from = l.holders[r.IntN(len(l.holders))]
		}
		if from.depth >= relayDepth || from.at >= e.OccurredAt {
			continue
		}
		been[visitor+l.page] = true
		l.room--
		e.ObjectID, e.Share, e.Props = l.page, string(from.who), event.Props{"channel": "h5"}
		l.holders = append(l.holders, holder{share.Visitor(visitor), from.depth + 1, e.OccurredAt})
	}
	p.events = append(p.events, minted...)
	slices.SortStableFunc(p.events, func(a, b *event.Event) int { return cmp.Compare(a.OccurredAt, b.OccurredAt) })
}
