package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/scoring"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/app/setting"
)

// population writes people straight into the tables, as if they had come one by one over half a year. It
// takes the place of an import: nothing else of this package writes.
type population struct {
	db    *db.DB
	keys  *secret.Keys
	zone  *time.Location
	rng   *rand.Rand
	begun int64 // Unix ms of the first person
	now   int64
	tags  []int64
	score []scoreKind
	stage string // where people who follow us stand

	identity int64 // numbers given out
	seq      int64
	tables   []*table
	rows     int64
}

// scoreKind is a behaviour model of the definitions in force.
type scoreKind struct {
	id, rev int64
	scale   scoring.Scale
	day     int32
}

// table collects rows of one table.
type table struct {
	name string
	cols []string
	rows [][]any
}

func (t *table) add(values ...any) { t.rows = append(t.rows, values) }

const (
	halfYear = 180 * 24 * time.Hour
	// chunk is how many people go into a transaction.
	chunk = 2000
)

func newPopulation(ctx context.Context, stores *db.Stores, keys *secret.Keys, zone *time.Location) (*population, error) {
	now := time.Now()
	p := &population{db: stores.Koi, keys: keys, zone: zone, rng: rand.New(rand.NewPCG(1, 1)), begun: now.Add(-halfYear).UnixMilli(), now: now.UnixMilli()}
	items, err := setting.New(stores, clock.Real{}).List(ctx, setting.KindTag, setting.KindScore, setting.KindStage)
	if err != nil {
		return nil, err
	}
	stages := map[int64]string{}
	for _, it := range items {
		var body struct {
			Kind     string `json:"kind"`
			HalfLife int32  `json:"half_life_days"`
			Side     bool   `json:"side"`
			Order    int64  `json:"order"`
		}
		if err := json.Unmarshal(it.Body, &body); err != nil {
			return nil, fmt.Errorf("read definition %s/%s: %w", it.Kind, it.Key, err)
		}
		switch it.Kind {
		case setting.KindTag:
			p.tags = append(p.tags, it.ID)
		case setting.KindScore:
			if body.Kind == string(scoring.Behaviour) {
				day := clock.Day(p.now, zone)
				p.score = append(p.score, scoreKind{it.ID, it.Rev, scoring.ScaleAt(body.HalfLife, day), day})
			}
		case setting.KindStage:
			if !body.Side {
				stages[body.Order] = it.Key
			}
		}
	}
	// The first stage is that of people nobody knows.
	if order := slices.Sorted(maps.Keys(stages)); len(order) > 1 {
		p.stage = stages[order[1]]
	}
	return p, nil
}

// fill writes people 1…n and tells of its progress.
func (p *population) fill(ctx context.Context, n int, note func(done int)) error {
	for from := 1; from <= n; from += chunk {
		to := min(from+chunk-1, n)
		p.tables = nil
		for i := from; i <= to; i++ {
			p.person(int64(i), n)
		}
		err := p.db.Tx(ctx, func(tx *db.Tx) error {
			for _, t := range p.tables {
				if err := tx.Insert(ctx, t.name, t.cols, t.rows); err != nil {
					return err
				}
				p.rows += int64(len(t.rows))
			}
			if to < n {
				return nil
			}
			// The simulated platforms list none of these people: a comparison would take all of them for gone.
			const never = int64(math.MaxInt64)
			if err := tx.Insert(ctx, "reconciled", []string{"kind", "scope", "tried_at", "done_at"},
				[][]any{{event.KindOpenID, appID, never, never}, {event.KindExternal, corpID, never, never}}); err != nil {
				return err
			}
			return tx.Upsert(ctx, "sequences", []string{"name"}, []string{"name", "next"}, []string{"next"},
				[][]any{{"contact", n + 1}, {"identity", p.identity + 1}, {"seq", p.seq}})
		})
		if err != nil {
			return err
		}
		note(to)
	}
	return nil
}

func (p *population) into(name string, cols ...string) *table {
	for _, t := range p.tables {
		if t.name == name {
			return t
		}
	}
	t := &table{name: name, cols: cols}
	p.tables = append(p.tables, t)
	return t
}

func (p *population) percent(n int) bool { return p.rng.IntN(100) < n }

func pick[T any](p *population, list ...T) T { return list[p.rng.IntN(len(list))] }

var (
	surnames   = []string{"王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "欧阳"}
	names      = []string{"伟", "芳", "娜", "敏", "静", "磊", "洋", "艳", "勇", "军", "杰", "思远", "雨桐", "子涵", "明轩"}
	cities     = []string{"北京", "上海", "广州", "深圳", "杭州", "成都", "武汉", "西安", "南京", "苏州"}
	industries = []string{"制造", "软件", "金融", "教育", "医疗", "零售", "物流", "汽车"}
	titles     = []string{"市场总监", "市场经理", "销售经理", "运营专员", "产品经理", "总经理", "采购主管", "CTO"}
	sources    = []string{"展会", "官网", "百度", "朋友推荐", "公众号", "视频号"}
)

// person writes one person: about sixteen rows.
func (p *population) person(id int64, n int) {
	at := p.begun + (p.now-p.begun)*id/int64(n+1)
	active := at + p.rng.Int64N(max(1, p.now-at))
	p.into("contacts", "id", "created_at", "last_active_at", "excluded", "merged_into", "rev").add(id, at, active, 0, 0, 0)

	p.identify(id, at, event.Identity{Kind: event.KindOpenID, Scope: appID, Value: openID(int(id))})
	p.into("contact_follow", "contact_id", "app_id", "followed_at", "unfollowed_at").add(id, appID, at, 0)
	friend := p.percent(40)
	if friend {
		p.identify(id, at, event.Identity{Kind: event.KindExternal, Scope: corpID, Value: external(int(id))})
		p.into("contact_staff", "contact_id", "corp_id", "user_id", "added_at", "removed_at", "removed_by", "state").
			add(id, corpID, staffID(int(id)), at, 0, "", "expo")
	}
	if p.percent(25) {
		p.identify(id, at, event.Identity{Kind: event.KindPhone, Value: fmt.Sprintf("139%08d", id%100_000_000), Verified: true})
	}

	p.value(id, at, 90, "name", pick(p, surnames...)+pick(p, names...))
	p.value(id, at, 60, "city", pick(p, cities...))
	p.value(id, at, 50, "source", pick(p, sources...))
	if p.percent(35) {
		p.value(id, at, 100, "company", fmt.Sprintf("%s第%d%s有限公司", pick(p, cities...), id%5000, pick(p, industries...)))
		p.value(id, at, 90, "industry", pick(p, industries...))
		p.value(id, at, 80, "title", pick(p, titles...))
		p.number(id, at, 70, "company_size", pick[int64](p, 20, 80, 150, 300, 800, 5000))
	}

	for range p.rng.IntN(4) {
		if len(p.tags) > 0 {
			t := p.into("contact_tags", "contact_id", "tag_id", "at", "source", "by_id", "expires_at")
			tag := pick(p, p.tags...)
			if k := len(t.rows); k > 0 && has(t.rows[max(0, k-3):], id, tag) {
				continue
			}
			t.add(id, tag, active, "manual", 0, 0)
		}
	}
	for _, s := range p.score {
		if p.percent(60) {
			p.into("contact_scores", "contact_id", "model_id", "value", "half_life", "base_day", "rev", "marks").
				add(id, s.id, s.scale.Earned(p.rng.Int64N(70)*scoring.Micro, s.day), s.scale.HalfLife, s.scale.Base, s.rev, []byte{})
		}
	}
	if p.stage != "" {
		p.into("contact_stages", "contact_id", "stage", "at", "reached", "side", "side_at", "side_by").add(id, p.stage, at, p.stage, "", 0, "")
	}
	p.history(id, at, active, friend)
}

func has(rows [][]any, contact, tag int64) bool {
	for _, r := range rows {
		if r[0] == any(contact) && r[1] == any(tag) {
			return true
		}
	}
	return false
}

func (p *population) identify(contactID, at int64, id event.Identity) {
	p.identity++
	k := contact.Key(p.keys, id)
	value, last4 := []byte(id.Value), []byte{}
	if id.Kind == event.KindPhone {
		value = p.keys.Seal("identity", value)
		h := p.keys.Lookup("last4", id.Value[len(id.Value)-4:])
		last4 = h[:]
	}
	p.into("identities", "id", "k", "kind", "scope", "value", "contact_id", "verified", "last4", "created_at").
		add(p.identity, k[:], id.Kind, id.Scope, value, contactID, id.Verified, last4, at)
}

func (p *population) value(id, at int64, percent int, field, text string) {
	if p.percent(percent) {
		p.into("contact_values", "contact_id", "field", "num", "text", "norm", "at").add(id, field, 0, text, contact.Normalize(text), at)
	}
}

func (p *population) number(id, at int64, percent int, field string, n int64) {
	if p.percent(percent) {
		p.into("contact_values", "contact_id", "field", "num", "text", "norm", "at").add(id, field, n, "", "", at)
	}
}

// history is what the person did before: four events on average.
func (p *population) history(id, from, to int64, friend bool) {
	t := p.into("events", "lane", "id", "contact_id", "identity_id", "type", "at", "received_at", "account", "staff", "object_type", "object_id", "share", "props")
	at := from
	kinds := 2 + p.rng.IntN(5)
	for i := range kinds {
		p.seq++
		e := &event.Event{Type: event.OAFollowed, Account: appID, Lane: event.Normal, Props: event.Props{}}
		if i > 0 {
			e = visit(p.rng)
			at += p.rng.Int64N(max(1, (to-at)/int64(kinds-i)+1))
		}
		if i == 1 && friend {
			e = &event.Event{Type: event.WeComCustomerAdded, Account: fmt.Sprintf("%s/%d", corpID, agentID), Staff: staffID(int(id)), Props: event.Props{"state": "expo"}}
		}
		props, err := json.Marshal(e.Props)
		if err != nil {
			panic(err) // made of texts and numbers
		}
		t.add(int64(event.Normal), int64(event.MakeID(p.seq, 0)), id, 0, e.Type, at, at, e.Account, e.Staff, e.ObjectType, e.ObjectID, "", string(props))
	}
}

// visit is something done on pages, in the words that trackers use.
func visit(rng *rand.Rand) *event.Event {
	pages := [...]struct{ id, kind, title string }{
		{"home", "article", "首页"}, {"pricing", "price", "产品报价"}, {"case-auto", "case", "汽车行业案例"}, {"case-bank", "case", "银行案例"},
		{"white-paper", "article", "白皮书"}, {"product", "product", "产品介绍"}, {"jobs", "jobs", "加入我们"}, {"blog-42", "article", "SCRM 选型指南"},
	}
	page := pages[rng.IntN(len(pages))]
	e := &event.Event{ObjectType: "page", ObjectID: page.id, Lane: event.Normal,
		Props: event.Props{"kind": page.kind, "title": page.title, "url": "https://www.example.com/" + page.id, "channel": "h5"}}
	switch roll := rng.IntN(100); {
	case roll < 60:
		e.Type = event.PageViewed
	case roll < 85:
		e.Type = event.PageDwelled
		e.Props["seconds"] = 5 + rng.IntN(180)
	case roll < 92:
		e.Type = event.PageScrolled
		e.Props["percent"] = 10 * rng.IntN(11)
	case roll < 96:
		e.Type, e.ObjectType, e.ObjectID = event.FileDownloaded, "file", "white-paper"
	case roll < 99:
		e.Type, e.ObjectType, e.ObjectID = event.FormStarted, "form", "demo"
	default:
		e.Type, e.ObjectType, e.ObjectID = event.FormSubmitted, "form", "demo"
		e.Props["form"] = "demo"
	}
	return e
}
