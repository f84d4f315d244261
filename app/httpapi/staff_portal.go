package httpapi

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/share"
)

// The staff portal's calls are about the caller alone: whatever role they have, they answer with the leads,
// links and visitors of the member of staff the caller is, and with nothing where the caller is none.

// MyPage is who uses the staff portal, and what they brought.
type MyPage struct {
	Staff       *StaffName `json:"staff,omitempty" doc:"没有时：登录账号没有对应的员工，请管理员在用户里补上"`
	Position    string     `json:"position,omitempty"`
	Departments []string   `json:"departments"`
	Leads       *int       `json:"leads,omitempty" doc:"现在的热线索，含三十天内提醒过的；没有查看客户的权限时为空"`
	Leads7      *int       `json:"leads_week,omitempty" doc:"其中七天内变热的"`
	Team        int        `json:"team" doc:"带几个人；0 为没有下属"`
	ShareTally
}

// me is the member of staff the caller is, "" for none.
func memberOf(ctx context.Context) string {
	if p := by(ctx).Principal; p != nil {
		return p.Staff
	}
	return ""
}

func (a *API) getMyPage(ctx context.Context, _ *struct{}) (*answer[MyPage], error) {
	out, me := MyPage{Departments: []string{}}, memberOf(ctx)
	if me == "" {
		return &answer[MyPage]{out}, nil
	}
	out.Staff = a.staffOf(me)
	if s, err := a.Staff.Get(auth.SplitStaff(me)); err == nil {
		out.Position = s.Position
		for _, d := range a.Staff.Departments(s.CorpID) {
			if slices.Contains(s.DepartmentIDs, d.ID) {
				out.Departments = append(out.Departments, d.Name)
			}
		}
	}
	if by(ctx).Role == auth.Leader {
		team := a.team(me)
		slices.Sort(team)
		out.Team = len(slices.Compact(team)) - 1
	}
	if by(ctx).May(auth.ReadContacts) {
		list, err := a.leads(ctx, []string{me})
		if err != nil {
			return nil, err
		}
		all, week, since := len(list), 0, a.now()-7*24*time.Hour.Milliseconds()
		for _, l := range list {
			if max(l.at, l.alerted) >= since {
				week++
			}
		}
		out.Leads, out.Leads7 = &all, &week
	}
	sums, err := a.Shares.Sums(ctx, share.ByStaff, "", []string{me})
	if err == nil && len(sums) > 0 {
		out.ShareTally = ShareTally(sums[0].Tally)
	}
	return &answer[MyPage]{out}, err
}

// Lead is a customer who is hot, or whom a member of staff was alerted to, with the evidence.
type Lead struct {
	ContactLine
	Phone     string     `json:"phone,omitempty" doc:"只显示一部分；看完整的用 /contacts/{id}/reveal"`
	Intent    int64      `json:"intent" doc:"意向分"`
	HotAt     time.Time  `json:"hot_at" doc:"什么时候变热的：最近一次提醒，或进入现在的阶段"`
	AlertedAt *time.Time `json:"alerted_at,omitempty" doc:"最近一次企业微信提醒"`
	Reasons   []Reason   `json:"reasons" doc:"为什么热：还剩分最多的几条行为"`
	Recent    []Reason   `json:"recent" doc:"最近几次加分的行为，新的在前"`
}

// leadReasons is how many reasons a lead is shown with.
const leadReasons = 3

type leadsInput struct {
	Limit  int    `query:"limit" default:"20" minimum:"1" maximum:"50" doc:"每页条数"`
	Cursor string `query:"cursor" maxLength:"100" doc:"上一页返回的 next；不填为第一页"`
	Whose  string `query:"whose" enum:"mine,team" default:"mine" doc:"自己的，或主管看自己与下属的"`
}

// listLeads are the caller's hot customers: friends of theirs in WeCom who reached MQL or whose intent is
// 40 and more, and whoever they were alerted to within thirty days, friend or not.
func (a *API) listLeads(ctx context.Context, in *leadsInput) (*listOf[Lead], error) {
	me, staff := memberOf(ctx), []string{}
	if me != "" {
		staff = []string{me}
	}
	if in.Whose == "team" && me != "" && by(ctx).Reach() >= auth.Team {
		staff = a.team(me)
	}
	all, err := a.leads(ctx, staff)
	if err != nil {
		return nil, err
	}
	page, err := window(all, Page{in.Limit, in.Cursor})
	if err != nil {
		return nil, err
	}
	ids, at := make([]int64, len(page.Items)), map[int64]lead{}
	for i, l := range page.Items {
		ids[i], at[l.contact] = l.contact, l
	}
	people, err := a.byID(ctx, ids)
	if err != nil {
		return nil, err
	}
	lines, err := a.lines(ctx, people)
	if err != nil {
		return nil, err
	}
	out := List[Lead]{Items: []Lead{}, Next: page.Next}
	for i, p := range people {
		l, err := a.lead(ctx, p, lines[i])
		if err != nil {
			return nil, err
		}
		found := at[p.ID]
		l.HotAt, l.AlertedAt = a.at(max(found.at, found.alerted)), a.since(found.alerted)
		out.Items = append(out.Items, l)
	}
	return &listOf[Lead]{out}, nil
}

func (a *API) lead(ctx context.Context, p *contact.Person, line ContactLine) (Lead, error) {
	l := Lead{ContactLine: line, Reasons: []Reason{}, Recent: []Reason{}}
	masked, err := a.People.Masked(ctx, p)
	if err != nil {
		return l, err
	}
	for _, id := range p.Identities {
		if id.Kind == event.KindPhone && l.Phone == "" {
			l.Phone = masked[id.ID]
		}
	}
	all, err := a.standings(ctx, p)
	if err != nil {
		return l, err
	}
	intent := ""
	if grid := a.models.Load().Scope.Grid; grid != nil {
		intent = grid.Intent
	}
	for _, s := range all {
		if s.Key != intent {
			continue
		}
		l.Intent = s.Points
		gains := slices.DeleteFunc(slices.Clone(s.Steps), func(r Reason) bool { return r.Points <= 0 })
		l.Recent = slices.Clone(gains[:min(len(gains), leadReasons)])
		slices.SortStableFunc(gains, func(x, y Reason) int { return cmp.Compare(y.Now, x.Now) })
		said := map[string]bool{}
		for _, r := range gains {
			if len(l.Reasons) < leadReasons && !said[r.Rule] {
				said[r.Rule] = true
				l.Reasons = append(l.Reasons, r)
			}
		}
	}
	return l, nil
}
