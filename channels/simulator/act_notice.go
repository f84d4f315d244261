package simulator

import (
	"net/url"
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/fault"
)

// choice is somebody's answer to being asked for a subscription.
type choice struct{ template, answer string }

// choices reads "template" or "template=accept,other=reject". The answers of the platforms are accept and
// reject, and of mini programs also ban (the account may not ask) and filter (a template of the same title).
func choices(with string, answers ...string) ([]choice, error) {
	var out []choice
	for one := range strings.SplitSeq(with, ",") {
		id, answer, named := strings.Cut(strings.TrimSpace(one), "=")
		if !named {
			answer = "accept"
		}
		if id == "" || !slices.Contains(answers, answer) {
			return nil, fault.New(fault.Invalid, "with 应为“模板 ID=%s”，多个用逗号分开", strings.Join(answers, "|"))
		}
		out = append(out, choice{id, answer})
	}
	return out, nil
}

// titleOf is what a template is called; an unknown one is Invalid, where any isn't taken.
func titleOf(list map[string]*Template, id string) (title string, kind TemplateKind, err error) {
	t := list[id]
	switch {
	case t != nil && t.Kind == MessageTemplate:
		return "", "", fault.New(fault.Invalid, "模板 %s 是模板消息的，不用订阅", id)
	case t != nil:
		return t.Title, t.Kind, nil
	case len(list) > 0:
		return "", "", fault.New(fault.NotFound, "没有模板 %s；有的是 %s", id, strings.Join(sortedKeys(list), "、"))
	}
	return id, NoticeTemplate, nil
}

// apply notes the answers in someone's grants, and what their phone says.
func (g *grants) apply(list []choice, known map[string]*Template, scene string, adding bool) (string, error) {
	var words []string
	for _, c := range list {
		if _, _, err := titleOf(known, c.template); err != nil {
			return "", err
		}
	}
	for _, c := range list {
		title, kind, _ := titleOf(known, c.template)
		switch c.answer {
		case "accept":
			g.agree(c.template, scene, kind, adding)
			words = append(words, "订阅了“"+title+"”")
		case "reject":
			g.withdraw(c.template)
			words = append(words, "没有订阅“"+title+"”")
		default:
			words = append(words, "没有看到“"+title+"”的订阅")
		}
	}
	return "你" + strings.Join(words, "，"), nil
}

// subscribeNotice answers the 订阅通知 button of a page (PopupScene 1) or an article (2). One need not
// follow the account for it.
func (s *Simulator) subscribeNotice(o *official, a Act) (scene, error) {
	f, err := s.follower(o, a.Who)
	if err != nil {
		return scene{}, err
	}
	list, err := choices(a.With, "accept", "reject")
	if err != nil {
		return scene{}, err
	}
	popup := a.State
	def(&popup, "1")
	said, err := f.grants.apply(list, o.templates, popup, false)
	if err != nil {
		return scene{}, err
	}
	now := s.clk.Now().UnixMilli()
	s.note(&f.person.chat, o.AppID, now, said)
	e := s.officialEvent(f, now, "subscribe_msg_popup_event").open("SubscribeMsgPopupEvent")
	for _, c := range list {
		e.open("List").text("TemplateId", c.template).text("SubscribeStatusString", c.answer).text("PopupScene", popup).shut("List")
	}
	return s.followerScene(f, a, "subscribe_msg_popup_event", e.shut("SubscribeMsgPopupEvent")), nil
}

// dropNotice turns notices off in the account's settings; the platform tells only of refusals there.
func (s *Simulator) dropNotice(o *official, a Act) (scene, error) {
	f, err := s.follower(o, a.Who)
	if err != nil {
		return scene{}, err
	}
	now := s.clk.Now().UnixMilli()
	e := s.officialEvent(f, now, "subscribe_msg_change_event").open("SubscribeMsgChangeEvent")
	for id := range strings.SplitSeq(a.With, ",") {
		title, _, err := titleOf(o.templates, strings.TrimSpace(id))
		if err != nil {
			return scene{}, err
		}
		f.grants.withdraw(strings.TrimSpace(id))
		s.note(&f.person.chat, o.AppID, now, "你关闭了“"+title+"”")
		e.open("List").text("TemplateId", strings.TrimSpace(id)).text("SubscribeStatusString", "reject").shut("List")
	}
	return s.followerScene(f, a, "subscribe_msg_change_event", e.shut("SubscribeMsgChangeEvent")), nil
}

// invitation is what the platform's 一次性订阅 page was asked for.
type invitation struct {
	onceKey
	back     *url.URL
	reserved string
	refused  bool
}

// invitationOf reads an act: with is the address of the page (https://mp.weixin.qq.com/mp/subscribemsg?…)
// with the state "cancel" for a no; or short, "template/scene" with "/reject" for a no, and the state is the
// address to go back to.
func invitationOf(a Act) (invitation, error) {
	wrong := fault.New(fault.Invalid, "with 应为确认页地址（mp.weixin.qq.com/mp/subscribemsg?…），或“模板 ID/场景值”，不同意时为“模板 ID/场景值/reject”；state 为回跳地址")
	var in invitation
	address, back := a.With, a.State
	if strings.Contains(address, "://") {
		page, err := url.Parse(address)
		if err != nil {
			return in, wrong
		}
		q := page.Query()
		in.onceKey, in.reserved, in.refused, back = onceKey{q.Get("template_id"), q.Get("scene")}, q.Get("reserved"), a.State == "cancel", q.Get("redirect_url")
	} else {
		parts := strings.Split(address, "/")
		if len(parts) < 2 || len(parts) > 3 || (len(parts) == 3 && parts[2] != "reject") {
			return in, wrong
		}
		in.onceKey, in.refused = onceKey{parts[0], parts[1]}, len(parts) == 3
	}
	var err error
	if in.back, err = url.Parse(back); err != nil || in.template == "" || in.scene == "" {
		return in, wrong
	}
	return in, nil
}

// redirect is where the browser goes: a slash before the query, and no OpenID of those who refuse.
func (in invitation) redirect(openID string) string {
	back := *in.back
	if !strings.HasSuffix(back.Path, "/") {
		back.Path += "/"
	}
	q := back.Query()
	q.Set("template_id", in.template)
	q.Set("scene", in.scene)
	q.Set("reserved", in.reserved)
	if q.Set("action", "confirm"); in.refused {
		q.Set("action", "cancel")
	} else {
		q.Set("openid", openID)
	}
	back.RawQuery = q.Encode()
	return back.String()
}

// subscribeOnce answers the platform's 一次性订阅 page. No callback tells of it: the browser goes back to
// the page that asked, with the answer in its query, which Played.Redirect holds.
func (s *Simulator) subscribeOnce(o *official, a Act) (scene, error) {
	f, err := s.follower(o, a.Who)
	if err != nil {
		return scene{}, err
	}
	in, err := invitationOf(a)
	if err != nil {
		return scene{}, err
	}
	now, said := s.clk.Now().UnixMilli(), "你同意接收“"+o.Name+"”的一次通知"
	if in.refused {
		said = "你没有同意接收“" + o.Name + "”的一次通知"
	} else {
		if f.once == nil {
			f.once = map[onceKey]bool{}
		}
		f.once[in.onceKey] = true
	}
	s.note(&f.person.chat, o.AppID, now, said)
	return scene{played: Played{Who: f.openID, OpenID: f.openID, UnionID: f.person.UnionID, Redirect: in.redirect(f.openID)}}, nil
}
