package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/content"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/share"
)

// MyShare is a page the caller can pass on, with their own link and what it brought.
type MyShare struct {
	Page        string `json:"page"`
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	Image       string `json:"image,omitempty" doc:"分享卡片的图"`
	Live        bool   `json:"live" doc:"可以继续分享；页面停用后只剩数字"`
	Token       string `json:"token"`
	URL         string `json:"url"`
	Minted      bool   `json:"minted" doc:"已生成过自己的链接"`
	ShareTally
	Levels []ShareLevel `json:"levels" doc:"每一级计入的人数：1 是直接打开的人"`
}

// ShareLevel is how many people came so many hops away.
type ShareLevel struct {
	Depth  int64 `json:"depth"`
	People int64 `json:"people"`
}

// mySharesMost bounds the pages of one answer.
const mySharesMost = 200

// listMyShares are the pages the caller can share and those they shared: the live ones first.
func (a *API) listMyShares(ctx context.Context, _ *struct{}) (*listOf[MyShare], error) {
	me, out := memberOf(ctx), List[MyShare]{Items: []MyShare{}}
	if me == "" {
		return &listOf[MyShare]{out}, nil
	}
	pages, err := a.sharables(ctx)
	if err != nil {
		return nil, err
	}
	minted, err := a.Shares.Minted(ctx, me, mySharesMost)
	if err != nil {
		return nil, err
	}
	sums, err := a.Shares.Sums(ctx, share.ByPage, "", []string{me})
	if err != nil {
		return nil, err
	}
	tallies := map[string]ShareTally{}
	for _, s := range sums {
		tallies[s.Key] = ShareTally(s.Tally)
	}
	levels, err := a.myLevels(ctx, me)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	add := func(s MyShare) {
		if seen[s.Page] || len(out.Items) == mySharesMost {
			return
		}
		seen[s.Page] = true
		s.Token = share.Token(a.Keys, s.Page, share.Staff(me))
		s.URL, s.Minted, s.ShareTally, s.Levels = a.shareURL(s.Page, s.Token, ""), slices.Contains(minted, s.Page), tallies[s.Page], levels[s.Page]
		if s.Levels == nil {
			s.Levels = []ShareLevel{}
		}
		out.Items = append(out.Items, s)
	}
	for _, p := range pages {
		if p.Live || tallies[p.Page].Opens > 0 {
			add(p)
		}
	}
	// Pages of other sites have no definition here, nor do those that were deleted; what they brought stays.
	for _, s := range sums {
		add(MyShare{Page: s.Key, Title: s.Key})
	}
	return &listOf[MyShare]{out}, nil
}

// sharables are the defined pages, live ones first, as they are shown to sharers.
func (a *API) sharables(ctx context.Context) ([]MyShare, error) {
	items, err := a.Settings.List(ctx, content.KindPage)
	if err != nil {
		return nil, err
	}
	var out []MyShare
	for _, it := range items {
		var p content.Page
		if json.Unmarshal(it.Body, &p) != nil { // whoever keeps pages checks them; this one cannot be shown
			continue
		}
		s := MyShare{Page: it.Key, Live: p.Status == content.Live, Image: p.Share.Image}
		s.Title = first(p.Share.Title, p.Title, p.Name, it.Key)
		s.Description = first(p.Share.Description, p.Description)
		out = append(out, s)
	}
	slices.SortStableFunc(out, func(x, y MyShare) int {
		if x.Live != y.Live {
			if x.Live {
				return -1
			}
			return 1
		}
		return strings.Compare(x.Page, y.Page)
	})
	return out, nil
}

func first(texts ...string) string {
	for _, t := range texts {
		if t = strings.TrimSpace(t); t != "" {
			return t
		}
	}
	return ""
}

func (a *API) myLevels(ctx context.Context, me string) (map[string][]ShareLevel, error) {
	list, err := a.Shares.Levels(ctx, me)
	out := map[string][]ShareLevel{}
	for _, l := range list {
		out[l.Page] = append(out[l.Page], ShareLevel{l.Depth, l.People})
	}
	return out, err
}

// mintMyShare makes the caller's own link of a page known. Asked again, it is the same link. The browser it is
// asked from is the caller's: when they open their link in it, that does not count. Public pages know it by
// a cookie, which it is given here when it has none.
func (a *API) mintMyShare(ctx context.Context, in *struct {
	Known string `cookie:"koi_v" doc:"访客号：公开页面认浏览器用的"`
	Body  struct {
		Page    string `json:"page" minLength:"1" maxLength:"128"`
		Visitor string `json:"visitor,omitempty" maxLength:"66" doc:"自己浏览器的访客号（v_…）：从它打开自己的链接不计"`
	}
}) (*mintedHere, error) {
	if memberOf(ctx) == "" {
		return nil, fault.New(fault.Denied, "您的账号没有对应的员工，不能生成分享链接：请联系管理员在用户里补上")
	}
	out, who := &mintedHere{}, in.Known
	if !visitorForm.MatchString(who) {
		if who = in.Body.Visitor; !visitorForm.MatchString(who) {
			var random [16]byte
			rand.Read(random[:]) // never fails: crypto/rand ends the program first
			who = "v_" + hex.EncodeToString(random[:])
		}
		c := &http.Cookie{Name: "koi_v", Value: who, Path: "/", MaxAge: 2 * 365 * 86_400, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: a.https}
		out.Cookie = c.String()
	}
	link, err := a.mintShare(ctx, &struct{ Body NewShare }{NewShare{Page: in.Body.Page, Visitor: who}})
	if err != nil {
		return nil, err
	}
	out.Body = link.Body
	return out, nil
}

// mintedHere is a link, and how public pages know the browser it was asked from.
type mintedHere struct {
	Cookie string `header:"Set-Cookie"`
	Body   ShareLink
}

var visitorForm = regexp.MustCompile(`^v_[A-Za-z0-9_-]{6,64}$`)

// MyVisitor is somebody who came through the caller's shares.
type MyVisitor struct {
	CreditID  ID           `json:"credit_id"`
	Page      string       `json:"page"`
	Title     string       `json:"title"`
	At        time.Time    `json:"at"`
	Contact   ShareContact `json:"contact" doc:"范围外的人没有姓名：页面显示“微信访客”"`
	Code      string       `json:"code" doc:"同一个人在同一页面上总是一样，用来分清几位不知道姓名的访客"`
	Via       Sharer       `json:"via" doc:"谁转给他的：自己，或链上的客户"`
	Self      bool         `json:"self" doc:"是本人打开的"`
	Depth     int          `json:"depth" doc:"离自己几层"`
	Newcomer  bool         `json:"newcomer"`
	Seconds   int64        `json:"seconds" doc:"停留秒数；0 为没有停留记录"`
	Percent   int64        `json:"percent" doc:"读到哪里，百分比"`
	Counted   bool         `json:"counted"`
	MarkLabel string       `json:"mark_label" doc:"计入，或为什么不计"`
	MarkNote  string       `json:"mark_note"`
}

type visitorsInput struct {
	Limit  int    `query:"limit" default:"30" minimum:"1" maximum:"100" doc:"每页条数"`
	Cursor string `query:"cursor" maxLength:"100" doc:"上一页返回的 next；不填为第一页"`
	OfPage string `query:"page" maxLength:"128" doc:"页面"`
}

// listMyVisitors are the people who came through the caller's shares, through any number of hands.
func (a *API) listMyVisitors(ctx context.Context, in *visitorsInput) (*listOf[MyVisitor], error) {
	me, out := memberOf(ctx), List[MyVisitor]{Items: []MyVisitor{}}
	place, err := (Page{in.Limit, in.Cursor}).place(2)
	if err != nil || me == "" {
		return &listOf[MyVisitor]{out}, err
	}
	list, err := a.Shares.Visitors(ctx, me, in.OfPage, share.VisitPlace{At: place[0], Credit: place[1]}, in.Limit+1)
	if err != nil {
		return nil, err
	}
	if len(list) > in.Limit {
		list = list[:in.Limit]
		last := list[in.Limit-1]
		out.Next = cursor(last.At, last.Credit)
	}
	var people []int64
	for _, v := range list {
		people = append(people, v.Person, v.Via.Person)
	}
	names, err := a.shareNames(ctx, people)
	if err != nil {
		return nil, err
	}
	titles, err := a.titles(ctx)
	if err != nil {
		return nil, err
	}
	read, err := a.reading(ctx, list)
	if err != nil {
		return nil, err
	}
	for _, v := range list {
		n := a.shareNode(v.Open, names)
		m := MyVisitor{CreditID: n.CreditID, Page: v.Page, Title: first(titles[v.Page], v.Page), At: n.At, Contact: n.Contact, Code: code(v.Token), Depth: v.Depth,
			Self: v.Mark == share.Self, Newcomer: v.Newcomer, Counted: n.Counted, MarkLabel: n.MarkLabel, MarkNote: n.MarkNote,
			Seconds: read[v.Credit].seconds, Percent: read[v.Credit].percent}
		if v.Via != (share.Step{}) {
			m.Via = a.sharer(v.Via.Staff, v.Via.Person, names)
		}
		out.Items = append(out.Items, m)
	}
	return &listOf[MyVisitor]{out}, nil
}

// code is a short name of a visitor of a page.
func code(token string) string {
	token = strings.TrimPrefix(token, "s_")
	return strings.ToUpper(token[:min(4, len(token))])
}

func (a *API) titles(ctx context.Context) (map[string]string, error) {
	pages, err := a.sharables(ctx)
	out := map[string]string{}
	for _, p := range pages {
		out[p.Page] = p.Title
	}
	return out, err
}

// reading is how long and how far somebody read.
type reading struct{ seconds, percent int64 }

// readingMost bounds the reports read for a page of visitors; readers send one every 15 s.
const readingMost = 2000

// reading tells how long and how far each visitor read the page they came to: the most that was reported
// of it.
func (a *API) reading(ctx context.Context, list []share.Visit) (map[int64]reading, error) {
	type key struct {
		contact int64
		page    string
	}
	at := map[key][]int64{}
	var contacts []int64
	for _, v := range list {
		for _, id := range []int64{v.Contact, v.Person} {
			contacts = append(contacts, id)
			at[key{id, v.Page}] = append(at[key{id, v.Page}], v.Credit)
		}
	}
	out := map[int64]reading{}
	if len(list) == 0 {
		return out, nil
	}
	slices.Sort(contacts)
	entries, err := a.Timeline.List(ctx, slices.Compact(contacts), []string{event.PageDwelled, event.PageScrolled}, event.Place{}, readingMost)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		for _, credit := range at[key{e.ContactID, e.ObjectID}] {
			r := out[credit]
			r.seconds, r.percent = max(r.seconds, e.Props.Int("seconds")), max(r.percent, min(100, e.Props.Int("percent")))
			out[credit] = r
		}
	}
	return out, nil
}
