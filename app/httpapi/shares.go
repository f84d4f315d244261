package httpapi

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/content"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/share"
)

// Sharer is whoever a share belongs to: a member of staff or a customer.
type Sharer struct {
	Staff   *StaffName    `json:"staff,omitempty"`
	Contact *ShareContact `json:"contact,omitempty"`
}

// ShareContact is a customer in a chain.
type ShareContact struct {
	ID     ID     `json:"id,omitempty"`
	Name   string `json:"name" doc:"姓名，没有则为昵称；匿名访客为空"`
	Hidden bool   `json:"hidden,omitempty" doc:"不在您的客户范围内"`
}

// ShareTally counts what shares brought.
type ShareTally struct {
	Opens     int64 `json:"opens" doc:"全部打开，含不计的"`
	Counted   int64 `json:"counted" doc:"计入的人数：一人一页一次"`
	Newcomers int64 `json:"newcomers" doc:"其中的新访客"`
	Pending   int64 `json:"pending" doc:"待结算"`
	Settled   int64 `json:"settled" doc:"已结算"`
	Reversed  int64 `json:"reversed" doc:"已撤销"`
	Depth     int64 `json:"depth" doc:"最长的链有几层"`
}

// ShareChain is a share with everything that came of it.
type ShareChain struct {
	ID        ID        `json:"id"`
	Page      string    `json:"page"`
	Token     string    `json:"token" doc:"接在 /shares/ 后就是它的树"`
	Sharer    Sharer    `json:"sharer" doc:"第一个分享的人"`
	Minted    bool      `json:"minted" doc:"专门生成的分享链接"`
	CreatedAt time.Time `json:"created_at"`
	ShareTally
}

// ShareNode is somebody who came through a share, and those who came through them.
type ShareNode struct {
	CreditID    ID           `json:"credit_id"`
	Token       string       `json:"token" doc:"他自己的分享标记"`
	Contact     ShareContact `json:"contact"`
	At          time.Time    `json:"at"`
	Depth       int          `json:"depth" doc:"离第一个分享的人几层"`
	Root        *StaffName   `json:"root,omitempty" doc:"链的源头员工"`
	Newcomer    bool         `json:"newcomer" doc:"以前没有人认识他"`
	Counted     bool         `json:"counted"`
	Mark        string       `json:"mark,omitempty" doc:"为什么不计：unknown self staff bot loop duplicate burst"`
	MarkLabel   string       `json:"mark_label"`
	MarkNote    string       `json:"mark_note"`
	Credit      string       `json:"credit" doc:"fresh waiting pending settled none reversed"`
	CreditLabel string       `json:"credit_label"`
	Reason      string       `json:"reason,omitempty" doc:"撤销的原因"`
	SettlesAt   *time.Time   `json:"settles_at,omitempty" doc:"什么时候结算"`
	Pending     bool         `json:"queued,omitempty" doc:"要求已保存，还在排队处理：稍后再读"`
	Children    []*ShareNode `json:"children"`
}

// ShareTree is a share token and everything below it.
type ShareTree struct {
	Token     string       `json:"token"`
	Page      string       `json:"page"`
	URL       string       `json:"url"`
	Sharer    Sharer       `json:"sharer"`
	Path      []Sharer     `json:"path" doc:"从源头到这个标记的主人"`
	Children  []*ShareNode `json:"children"`
	Truncated bool         `json:"truncated,omitempty" doc:"太大，只给出前面一部分；可对下级的 token 再取"`
}

// maxTree bounds a tree in one answer.
const maxTree = 1000

type sharesInput struct {
	Page
	OfPage string `query:"page" maxLength:"128" doc:"页面"`
	Staff  string `query:"staff" maxLength:"192" doc:"源头员工的 userid 或 CorpID/userid"`
	Root   string `query:"root" maxLength:"64" doc:"源头的分享标记"`
}

func (a *API) listShares(ctx context.Context, in *sharesInput) (*listOf[ShareChain], error) {
	place, err := in.place(1)
	if err != nil {
		return nil, err
	}
	f := share.Filter{Page: in.OfPage, Root: in.Root, Before: place[0], Limit: in.Limit}
	if f.Staff, err = a.sharers(ctx, in.Staff); err != nil {
		return nil, err
	}
	list, next, err := a.Shares.List(ctx, f)
	if err != nil {
		return nil, err
	}
	var people []int64
	for _, c := range list {
		people = append(people, c.Person)
	}
	names, err := a.shareNames(ctx, people)
	if err != nil {
		return nil, err
	}
	out := List[ShareChain]{Items: []ShareChain{}}
	for _, c := range list {
		out.Items = append(out.Items, ShareChain{ID: ID(c.ID), Page: c.Page, Token: c.Token, Sharer: a.sharer(c.Staff, c.Person, names), Minted: c.Minted,
			CreatedAt: a.at(c.At), ShareTally: ShareTally(c.Tally)})
	}
	if next != 0 {
		out.Next = cursor(next)
	}
	return &listOf[ShareChain]{out}, nil
}

// sharers are the members of staff whose shares are asked for and the caller may see; nil is everybody's.
func (a *API) sharers(ctx context.Context, asked string) ([]string, error) {
	mine := a.shareScope(ctx)
	if asked == "" {
		return mine, nil
	}
	member, err := a.member(asked)
	if err != nil {
		return nil, wrong("query.staff", "%s", err.Error())
	}
	if mine != nil && !slices.Contains(mine, member) {
		return []string{}, nil
	}
	return []string{member}, nil
}

// shareScope are the members of staff whose shares the caller may see: all (nil), or their own and those of
// whom they lead.
func (a *API) shareScope(ctx context.Context) []string {
	p := by(ctx).Principal
	switch {
	case p == nil:
		return []string{}
	case p.Reach() == auth.Everybody:
		return nil
	case p.Staff == "":
		return []string{}
	case p.Reach() == auth.Team:
		return a.team(p.Staff)
	}
	return []string{p.Staff}
}

// member finds a member of staff by "CorpID/userid", or by the userid alone where one corp has it.
func (a *API) member(text string) (string, error) {
	if corp, user, ok := strings.Cut(text, "/"); ok {
		s, err := a.Staff.Get(corp, user)
		return s.CorpID + "/" + s.UserID, err
	}
	found := ""
	for _, s := range a.Staff.List("") {
		if s.UserID != text {
			continue
		}
		if found != "" {
			return "", fault.New(fault.Invalid, "有几家企业都有员工 %s：请写成 CorpID/userid", text)
		}
		found = s.CorpID + "/" + s.UserID
	}
	if found == "" {
		return "", fault.New(fault.Invalid, "通讯录里没有员工 %s：请检查 userid，或先同步企业微信通讯录", text)
	}
	return found, nil
}

func (a *API) sharer(staff string, person int64, names map[int64]string) Sharer {
	if staff != "" {
		corp, user, _ := strings.Cut(staff, "/")
		n := a.staffName(corp, user)
		return Sharer{Staff: &n}
	}
	c := shareContact(person, names)
	return Sharer{Contact: &c}
}

func shareContact(person int64, names map[int64]string) ShareContact {
	name, seen := names[person]
	if !seen {
		return ShareContact{Hidden: true}
	}
	return ShareContact{ID: ID(person), Name: name}
}

// shareNames are the names of those of the people that the caller may see.
func (a *API) shareNames(ctx context.Context, ids []int64) (map[int64]string, error) {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	out := map[int64]string{}
	for part := range slices.Chunk(ids, 200) {
		list, err := a.people(ctx, contact.Filter{Where: "c.id IN (" + db.Marks(len(part)) + ")", Args: db.Args(part), Limit: len(part)})
		if err != nil {
			return nil, err
		}
		for _, p := range list {
			out[p.ID] = nameOf(p)
		}
	}
	return out, nil
}

func (a *API) getShare(ctx context.Context, in *struct {
	Token string `path:"token" maxLength:"64"`
}) (*answer[ShareTree], error) {
	tree, err := a.Shares.Tree(ctx, in.Token, maxTree)
	if err != nil {
		return nil, err
	}
	if mine := a.shareScope(ctx); mine != nil && !slices.Contains(mine, tree.Path[0].Staff) {
		return nil, fault.New(fault.NotFound, "没有这个分享标记，或不在您的范围内")
	}
	var people []int64
	for _, s := range tree.Path {
		people = append(people, s.Person)
	}
	people = append(people, peopleIn(tree.Children)...)
	names, err := a.shareNames(ctx, people)
	if err != nil {
		return nil, err
	}
	out := ShareTree{Token: tree.Token, Page: tree.Page, URL: a.shareURL(tree.Page, tree.Token, ""), Sharer: a.sharer(tree.Staff, tree.Person, names),
		Path: []Sharer{}, Children: a.shareNodes(tree.Children, names), Truncated: tree.Truncated}
	for _, s := range tree.Path {
		out.Path = append(out.Path, a.sharer(s.Staff, s.Person, names))
	}
	return &answer[ShareTree]{out}, nil
}

func peopleIn(list []*share.Open) []int64 {
	var out []int64
	for _, o := range list {
		out = append(append(out, o.Person), peopleIn(o.Children)...)
	}
	return out
}

func (a *API) shareNodes(list []*share.Open, names map[int64]string) []*ShareNode {
	out := []*ShareNode{}
	for _, o := range list {
		n := a.shareNode(o, names)
		n.Children = a.shareNodes(o.Children, names)
		out = append(out, n)
	}
	return out
}

func (a *API) shareNode(o *share.Open, names map[int64]string) *ShareNode {
	mark := o.Mark.Label()
	n := &ShareNode{CreditID: ID(o.Credit), Token: o.Token, Contact: shareContact(o.Person, names), At: a.at(o.At), Depth: o.Depth, Newcomer: o.Newcomer,
		Counted: o.Mark == share.Counted && (o.State == share.Pending || o.State == share.Settled), Mark: string(o.Mark), MarkLabel: mark.Name, MarkNote: mark.Note,
		Credit: o.State.String(), CreditLabel: o.State.Label().Name, Reason: o.Reason, Children: []*ShareNode{}}
	switch o.State {
	case share.Fresh:
		n.MarkLabel, n.MarkNote = o.State.Label().Name, o.State.Label().Note
	case share.Reversed:
		n.MarkLabel, n.MarkNote = o.State.Label().Name, o.Reason
	}
	if o.Root != "" {
		corp, user, _ := strings.Cut(o.Root, "/")
		s := a.staffName(corp, user)
		n.Root = &s
	}
	if o.State == share.Pending {
		n.SettlesAt = a.since(o.SettleAt)
	}
	return n
}

// ShareSum is what one member of staff or one page brought.
type ShareSum struct {
	Staff *StaffName `json:"staff,omitempty"`
	Page  string     `json:"page,omitempty"`
	ShareTally
}

func (a *API) sumShares(ctx context.Context, in *struct {
	By    string `query:"by" enum:"staff,page" default:"staff" doc:"按源头员工，还是按页面"`
	Page  string `query:"page" maxLength:"128"`
	Staff string `query:"staff" maxLength:"192" doc:"源头员工的 userid 或 CorpID/userid"`
}) (*listOf[ShareSum], error) {
	staff, err := a.sharers(ctx, in.Staff)
	if err != nil {
		return nil, err
	}
	sums, err := a.Shares.Sums(ctx, share.By(in.By), in.Page, staff)
	if err != nil {
		return nil, err
	}
	out := List[ShareSum]{Items: []ShareSum{}}
	for _, s := range sums {
		x := ShareSum{ShareTally: ShareTally(s.Tally)}
		if in.By == string(share.ByPage) {
			x.Page = s.Key
		} else {
			corp, user, _ := strings.Cut(s.Key, "/")
			n := a.staffName(corp, user)
			x.Staff = &n
		}
		out.Items = append(out.Items, x)
	}
	return &listOf[ShareSum]{out}, nil
}

// NewShare asks for a share link.
type NewShare struct {
	Page    string `json:"page" minLength:"1" maxLength:"128"`
	Staff   string `json:"staff,omitempty" maxLength:"192" doc:"谁的链接：员工的 userid 或 CorpID/userid；不填则为登录用户所对应的员工"`
	Contact ID     `json:"contact,omitempty" doc:"或者：发给某位客户、算他名下的链接"`
	Visitor string `json:"visitor,omitempty" maxLength:"66" doc:"员工自己的浏览器的访客号（v_…）：从它打开自己的链接不计"`
	URL     string `json:"url,omitempty" maxLength:"1000" doc:"页面在别的网站时，它的地址；不填为本站 /p/{page}"`
}

// ShareLink is a link that counts for somebody.
type ShareLink struct {
	Token   string `json:"token"`
	URL     string `json:"url"`
	Short   string `json:"short_url,omitempty" doc:"短链，适合短信和印刷；只有本站的页面有"`
	Page    string `json:"page"`
	Sharer  Sharer `json:"sharer"`
	Pending bool   `json:"pending,omitempty" doc:"已保存，还在排队登记：链接现在就可以用"`
}

// mintShare gives out the link of a page and a sharer. Asked again, it is the same link.
func (a *API) mintShare(ctx context.Context, in *struct{ Body NewShare }) (*answer[ShareLink], error) {
	b := in.Body
	if strings.TrimSpace(b.Page) != b.Page || strings.ContainsFunc(b.Page, unicode.IsControl) {
		return nil, wrong("page", "页面的两头不能有空格，中间不能有控制字符")
	}
	if b.URL != "" {
		if u, err := url.Parse(b.URL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, wrong("url", "应为 https:// 开头的完整地址")
		}
	}
	if b.Visitor != "" && !strings.HasPrefix(b.Visitor, "v_") {
		return nil, wrong("visitor", "访客号应以 v_ 开头")
	}
	if b.Staff != "" && b.Contact != 0 {
		return nil, wrong("contact", "staff 与 contact 只能填一个")
	}
	e, out := &event.Event{Type: event.CommandShare}, ShareLink{Page: b.Page}
	staff := ""
	if b.Contact != 0 {
		p, err := a.find(ctx, b.Contact)
		if err != nil {
			return nil, err
		}
		out.Token = share.Token(a.Keys, b.Page, share.Contact(strconv.FormatInt(p.ID, 10)))
		e.ObjectType, e.ObjectID = "contact", strconv.FormatInt(p.ID, 10)
		out.Sharer = a.sharer("", p.ID, map[int64]string{p.ID: nameOf(p)})
	} else {
		var err error
		if staff, err = a.sharingStaff(ctx, b.Staff); err != nil {
			return nil, err
		}
		out.Token = share.Token(a.Keys, b.Page, share.Staff(staff))
		out.Sharer = a.sharer(staff, 0, nil)
		if b.Visitor != "" {
			corp, user, _ := strings.Cut(staff, "/")
			e.Identities = []event.Identity{{Kind: event.KindVisitor, Value: b.Visitor}, {Kind: event.KindUserID, Scope: corp, Value: user}}
		}
	}
	out.URL = a.shareURL(b.Page, out.Token, b.URL)
	e.Props = event.Props{"page": b.Page, "token": out.Token, "staff": staff}
	_, applied, err := a.command(ctx, e)
	out.Pending = !applied
	if err == nil && b.URL == "" && a.models.Load().Pages.Page(b.Page) != nil {
		code := content.LinkCode(a.Keys, out.Token)
		err = a.Contents.Keep(ctx, content.ShortLink{Code: code, Page: b.Page, Token: out.Token, At: clock.Ms(a.Clock.Now())})
		out.Short = a.PublicURL + "/s/" + code
	}
	return &answer[ShareLink]{out}, err
}

// sharingStaff is the member of staff a link is asked for.
func (a *API) sharingStaff(ctx context.Context, asked string) (string, error) {
	p := by(ctx).Principal
	if asked == "" {
		if p.Staff == "" {
			return "", wrong("staff", "请填是哪位员工的链接：您的账号没有对应的员工")
		}
		return p.Staff, nil
	}
	member, err := a.member(asked)
	if err != nil {
		return "", wrong("staff", "%s", err.Error())
	}
	if mine := a.shareScope(ctx); mine != nil && !slices.Contains(mine, member) {
		return "", fault.New(fault.Denied, "只能生成自己（或下属）的分享链接")
	}
	return member, nil
}

// shareURL is the address of a page that carries a token.
func (a *API) shareURL(page, token, elsewhere string) string {
	u, err := url.Parse(elsewhere)
	if err != nil || elsewhere == "" {
		return a.PublicURL + "/p/" + url.PathEscape(page) + "?_s=" + token
	}
	q := u.Query()
	q.Set("_s", token)
	u.RawQuery = q.Encode()
	return u.String()
}

// reverseCredit takes a credit back, with a reason that stays.
func (a *API) reverseCredit(ctx context.Context, in *struct {
	ByID
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"200" doc:"为什么撤销，会给当事员工看"`
	}
}) (*answer[ShareNode], error) {
	if strings.TrimSpace(in.Body.Reason) == "" {
		return nil, wrong("reason", "请写明原因")
	}
	id := int64(in.ID.ID)
	o, err := a.Shares.Get(ctx, id)
	if mine := a.shareScope(ctx); err == nil && mine != nil && !slices.Contains(mine, o.Root) {
		err = fault.New(fault.NotFound, "没有编号为 %d 的分享业绩，或不在您的范围内", id)
	}
	if err != nil {
		return nil, err
	}
	if o.State != share.Pending && o.State != share.Settled {
		return nil, fault.New(fault.Conflict, "这一笔是「%s」，没有可撤销的业绩", o.State.Label().Name)
	}
	_, applied, err := a.command(ctx, &event.Event{Type: event.CommandShareSettle,
		Props: event.Props{"credit": strconv.FormatInt(id, 10), "action": "reverse", "reason": strings.TrimSpace(in.Body.Reason)}})
	if err != nil {
		return nil, err
	}
	if o, err = a.Shares.Get(ctx, id); err != nil {
		return nil, err
	}
	names, err := a.shareNames(ctx, []int64{o.Person})
	if err != nil {
		return nil, err
	}
	n := a.shareNode(o, names)
	n.Pending = !applied
	return &answer[ShareNode]{*n}, nil
}
