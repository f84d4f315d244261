package demo

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/channels/simulator"
)

// Size of the invented firm's past.
type Size struct {
	People, Companies, Events int
	Days                      int
}

// Full is what the demo pours.
var Full = Size{People: 3000, Companies: 400, Events: 60_000, Days: 90}

// historySeed makes every start tell the same past.
const historySeed = 20261122

// client is one of the firm's people, as the world knows them.
type client struct {
	n                               int
	name, openid, external, visitor string // openid, external: "" for none
	phone, title, staff             string
	firm                            company
	fervour                         int // how much of an interest they take: their share of the events
	joined                          int64
	wrote, befriended               bool // their name and firm are known; they added a seller
}

// past is what happened before the demo began: the same people and the same deeds at every start, dated back
// from its end.
type past struct {
	people []*client
	events []*event.Event // by time
}

// history makes the past that ends at an instant (Unix ms).
func history(size Size, end int64) past {
	r := rand.New(rand.NewPCG(historySeed, 1))
	h := past{}
	firms := companiesOf(r, size.Companies)
	staff := []string{sales, sales}
	for _, p := range posts() {
		if p.position == "客户经理" {
			staff = append(staff, p.user)
		}
	}
	total := 0
	for i := range size.People {
		c := &client{n: i, name: personName(r), visitor: fmt.Sprintf("v_yunfan%016d", i+1), firm: firms[i%len(firms)], title: draft(r, titles)}
		if i >= len(firms) { // everyone of the companies has somebody, some have many
			c.firm = firms[min(r.IntN(len(firms)), r.IntN(len(firms)))]
		}
		switch roll := r.IntN(100); {
		case roll < 45:
			c.fervour = 1 + r.IntN(2)
		case roll < 80:
			c.fervour = 3 + r.IntN(4)
		case roll < 96:
			c.fervour = 8 + r.IntN(8)
		default:
			c.fervour = 18 + r.IntN(14)
		}
		if r.IntN(100) < 55 {
			c.openid = fmt.Sprintf("oYunfan%021d", i+1)
		}
		if r.IntN(100) < 10+c.fervour*3 {
			c.external, c.staff = fmt.Sprintf("wmYunfan%024d", i+1), draft(r, staff)
		}
		if r.IntN(100) < 35+c.fervour*5 {
			c.phone = fmt.Sprintf("139%08d", 10_000_000+i*7)
		}
		total += c.fervour
		h.people = append(h.people, c)
	}
	// Everybody gets a share of the events by their fervour, and the rest goes round.
	left := size.Events
	shares := make([]int, size.People)
	for i, c := range h.people {
		shares[i] = max(1, size.Events*c.fervour/total)
		left -= shares[i]
	}
	for i := 0; left != 0; i = (i + 1) % size.People {
		switch {
		case left > 0:
			shares[i]++
			left--
		case shares[i] > 1:
			shares[i]--
			left++
		}
	}
	span := int64(size.Days) * 24 * time.Hour.Milliseconds()
	for i, c := range h.people {
		// Somewhat more come every month; those who care have been here for as long as they needed.
		back := 1 - math.Sqrt(1-r.Float64()*0.75) // 0: today, 0.5: half the time is enough for three quarters
		stay := int64(4+shares[i]/2+r.IntN(8)) * 24 * time.Hour.Milliseconds()
		c.joined = end - min(span*98/100, max(int64(back*2*float64(span)*0.98), stay)) - time.Hour.Milliseconds()*int64(1+r.IntN(6))
		h.events = append(h.events, c.life(r, shares[i], end)...)
	}
	slices.SortStableFunc(h.events, func(a, b *event.Event) int { return cmp.Compare(a.OccurredAt, b.OccurredAt) })
	h.spread(r, size.Days)
	return h
}

// what the firm shows on its pages
var (
	articles = []struct{ id, kind string }{{"home", ""}, {"product", ""}, {"features", ""}, {"blog-scrm", ""}, {"blog-private-domain", ""}, {"case-manufacture", "case"},
		{"case-retail", "case"}, {"case-saas", "case"}, {"customers", "case"}}
	papers   = []string{"SCRM 选型白皮书", "私域运营手册", "B2B 获客案例集"}
	meetings = []string{"秋季新品发布会", "制造业数字营销沙龙", "私域增长直播课"}
	remarks  = []string{"你好", "请问支持私有化部署吗", "可以对接企业微信吗", "有没有制造业的案例", "谢谢，我再看看", "多少人起用", "想看一下演示", "报价怎么算", "可以试用吗"}
	// names of the menu's buttons, and their keys too: a timeline shows keys
	buttons = []string{"产品介绍", "预约演示", "联系我们", "客户案例"}
)

// web, chat and known are the names a person shows up by: in a browser, in the account's chat, in a form.
func (c *client) web() []event.Identity {
	ids := []event.Identity{{Kind: event.KindVisitor, Value: c.visitor}}
	if c.openid != "" {
		ids = append(ids, event.Identity{Kind: event.KindOpenID, Scope: appID, Value: c.openid})
	}
	return ids
}

func (c *client) chat() []event.Identity {
	return []event.Identity{{Kind: event.KindOpenID, Scope: appID, Value: c.openid}}
}

func (c *client) known() []event.Identity {
	ids := c.web()
	if c.phone != "" {
		ids = append(ids, event.Identity{Kind: event.KindPhone, Value: c.phone, Verified: true})
	}
	return ids
}

// life is n deeds of a person, from when they joined to the end.
func (c *client) life(r *rand.Rand, n int, end int64) []*event.Event {
	var out []*event.Event
	last := end - 15*time.Minute.Milliseconds()
	at := min(c.joined, last)
	// Many lost interest before today.
	active := at + int64(float64(last-at)*(0.5+0.5*math.Cbrt(r.Float64())))
	step := (active - at) / int64(max(1, n/6))
	add := func(source, account, kind, object, id string, ids []event.Identity, props event.Props) {
		if len(out) == n {
			return
		}
		at += int64(8+r.IntN(110)) * 1000
		out = append(out, &event.Event{Type: kind, Key: fmt.Sprintf("past/%d/%d", c.n, len(out)), Source: source, Account: account, Identities: ids,
			Staff: staffOf(kind, c), ObjectType: object, ObjectID: id, OccurredAt: min(at, last), Props: props})
	}
	c.arrive(r, add)
	for visit := 1; len(out) < n; visit++ {
		if len(out) > 0 && visit > 1 {
			// They come now and then; whoever comes more often than the days allow comes in the middle of them.
			next := c.joined + int64(visit-1)*step
			if next > active {
				next = c.joined + r.Int64N(max(1, active-c.joined))
			}
			at = workday(r, next, c.joined, last)
		}
		c.visit(r, visit, add)
	}
	return out
}

func staffOf(kind string, c *client) string {
	if kind == event.WeComCustomerAdded {
		return c.staff
	}
	return ""
}

// workday moves an instant to a time when people are at work, between a beginning and an end.
func workday(r *rand.Rand, at, begin, end int64) int64 {
	t := time.UnixMilli(at).In(china)
	hour := []int{9, 10, 10, 11, 13, 14, 14, 15, 16, 17, 20, 21}[r.IntN(12)]
	moved := time.Date(t.Year(), t.Month(), t.Day(), hour, r.IntN(60), r.IntN(60), 0, china)
	if w := moved.Weekday(); (w == time.Saturday || w == time.Sunday) && r.IntN(4) > 0 {
		moved = moved.AddDate(0, 0, -(int(w+1)%7 + 1 + r.IntN(5))) // some day of the week before
	}
	if ms := moved.UnixMilli(); ms >= begin && ms < end {
		return ms
	}
	return at
}

// adder puts a deed down.
type adder func(source, account, kind, object, id string, ids []event.Identity, props event.Props)

// arrive is how they came.
func (c *client) arrive(r *rand.Rand, add adder) {
	switch {
	case c.openid != "" && r.IntN(3) > 0:
		scene := []string{"expo-2026", "article", "menu-share", "qr-home"}[r.IntN(4)]
		add("oa", appID, event.OAFollowed, "", "", c.chat(), event.Props{"scene": scene})
	default:
		props := event.Props{"channel": "site"}
		if source := draft(r, sources); source == "百度" {
			props["utm_source"], props["utm_medium"], props["utm_campaign"], props["search_word"] = source, "cpc", draft(r, campaigns), draft(r, words)
		} else {
			props["utm_source"] = source
		}
		add("t", "site", event.PageViewed, "page", "home", c.web(), props)
	}
}

// visit is one sitting: what somebody of their interest does.
func (c *client) visit(r *rand.Rand, nth int, add adder) {
	channel := []string{"site", "h5", "h5"}[r.IntN(3)]
	read := func(id, kind string) {
		props := event.Props{"channel": channel}
		if kind != "" {
			props["kind"] = kind
		}
		add("t", "site", event.PageViewed, "page", id, c.web(), props)
		if r.IntN(2) == 0 {
			add("t", "site", event.PageDwelled, "page", id, c.web(), event.Props{"seconds": 15 + r.IntN(200), "channel": channel})
		}
	}
	for range 1 + r.IntN(3) {
		p := draft(r, articles)
		read(p.id, p.kind)
	}
	if c.openid != "" && r.IntN(3) == 0 {
		if r.IntN(2) == 0 {
			key := draft(r, buttons)
			add("oa", appID, event.OAMenuClicked, "menu", key, c.chat(), event.Props{"key": key})
		} else {
			add("oa", appID, event.OAMessageReceived, "", "", c.chat(), event.Props{"kind": "text", "content": draft(r, remarks)})
		}
	}
	keen := c.fervour >= 8
	if r.IntN(8) == 0 || keen && r.IntN(3) == 0 {
		read("pricing", "price")
	}
	if r.IntN(25) == 0 && !keen {
		read("jobs", "jobs")
	}
	if r.IntN(6) == 0 {
		file := draft(r, papers)
		add("t", "site", event.FileDownloaded, "file", file, c.web(), nil)
	}
	if c.phone != "" && (!c.wrote || r.IntN(12) == 0) && nth > 1 {
		c.write(r, add)
	}
	if c.external != "" && !c.befriended && nth > 1 {
		c.befriended = true
		if !c.wrote { // their profile in WeCom says what they are called
			add("console", "", event.CommandContactChange, "", "", c.known(), event.Props{"set": map[string]any{"name": c.name}, "by": "企业微信"})
		}
		ids := append(c.known(), event.Identity{Kind: event.KindExternal, Scope: corpID, Value: c.external})
		add("wecom", fmt.Sprintf("%s/%d", corpID, agentID), event.WeComCustomerAdded, "", "", ids, event.Props{"state": "expo-2026"})
	}
	if r.IntN(9) == 0 {
		m := draft(r, meetings)
		add("api", "", event.MeetingRegistered, "meeting", m, c.known(), nil)
		switch r.IntN(3) {
		case 0:
			add("api", "", event.MeetingAbsent, "meeting", m, c.known(), nil)
		case 1:
			add("api", "", event.MeetingLiveWatched, "meeting", m, c.known(), event.Props{"seconds": 300 + r.IntN(3000)})
		default:
			add("api", "", event.MeetingCheckedIn, "meeting", m, c.known(), nil)
		}
	}
	if keen && c.phone != "" && r.IntN(14) == 0 {
		add("api", "", event.TrialRequested, "form", "trial", c.known(), nil)
	}
	if c.fervour >= 18 && nth > 6 && r.IntN(30) == 0 {
		add("api", "", event.OrderPaid, "order", fmt.Sprintf("YF%06d", c.n), c.known(), event.Props{"amount": 9800 + 1000*r.IntN(60)})
	}
	if c.openid != "" && r.IntN(90) == 0 {
		add("oa", appID, event.OAUnfollowed, "", "", c.chat(), nil)
	}
}

// write is a form: from then on we know who they are.
func (c *client) write(r *rand.Rand, add adder) {
	first := !c.wrote
	c.wrote = true
	add("t", "site", event.FormSubmitted, "form", "white-paper", c.known(), event.Props{"form": "white-paper"})
	if !first {
		return
	}
	set := map[string]any{"name": c.name, "company": c.firm.name, "title": c.title, "industry": c.firm.industry, "company_size": c.firm.size,
		"province": c.firm.province, "city": c.firm.city}
	ids := c.known()
	if r.IntN(2) == 0 {
		ids = append(ids, event.Identity{Kind: event.KindEmail, Value: fmt.Sprintf("p%04d@%s", c.n, c.firm.domain), Verified: true})
	}
	add("console", "", event.CommandContactChange, "", "", ids, event.Props{"set": set, "by": "表单"})
}

// inhabit gives the simulated platforms the same people.
func (p past) inhabit(cfg *simulator.Config) {
	following, friends := map[string]bool{}, map[string]bool{}
	for _, e := range p.events {
		switch e.Type {
		case event.OAFollowed:
			following[e.Identities[0].Value] = true
		case event.OAUnfollowed:
			following[e.Identities[0].Value] = false
		case event.WeComCustomerAdded:
			friends[e.Identities[len(e.Identities)-1].Value] = true
		}
	}
	for _, c := range p.people {
		x := simulator.Person{Name: c.name, UnionID: fmt.Sprintf("uYunfan%06d", c.n), Phone: c.phone}
		if c.openid != "" {
			x.Follows = []simulator.Follow{{AppID: appID, OpenID: c.openid, Known: !following[c.openid]}}
		}
		if c.external != "" {
			y := simulator.Contact{CorpID: corpID, ExternalUserID: c.external}
			if friends[c.external] {
				y.Staff = []string{c.staff}
			}
			x.Contacts = []simulator.Contact{y}
		}
		if len(x.Follows)+len(x.Contacts) > 0 { // who only ever came to the site has no phone of interest
			cfg.People = append(cfg.People, x)
		}
	}
}
