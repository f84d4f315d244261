package simulator

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/koi-scrm/koi/app/fault"
)

// Act is something a person does.
type Act struct {
	Who  string `json:"who"`  // a follower's OpenID, a customer's external_userid, a staff userid, or any other id of the person
	App  string `json:"app"`  // AppID, CorpID, CorpID/AgentID or an SMS signature; may be left out when there is only one of its kind
	Do   string `json:"do"`   // see Acts
	With string `json:"with"` // what it is done with
	// State of the contact way (add_staff, half_add), the popup scene (subscribe_notice), the address to go
	// back to (subscribe_once).
	State string `json:"state,omitempty"`
	// Repeat sends each callback so many times more, as a platform that didn't hear our answer.
	Repeat int `json:"repeat,omitempty"`
	// Async returns at once instead of when the callbacks are acknowledged or dropped.
	Async bool `json:"async,omitempty"`
}

// Played is what an act led to.
type Played struct {
	Who            string     `json:"who"` // the id the account knows the person by
	OpenID         string     `json:"openid,omitempty"`
	UnionID        string     `json:"unionid,omitempty"`
	ExternalUserID string     `json:"external_userid,omitempty"`
	UserID         string     `json:"userid,omitempty"`
	WelcomeCode    string     `json:"welcome_code,omitempty"`
	Code           string     `json:"code,omitempty"`     // of wx.login or 手机号快速验证
	Redirect       string     `json:"redirect,omitempty"` // where the browser goes next
	Callbacks      []Callback `json:"callbacks"`
}

// ActInfo describes an act.
type ActInfo struct {
	Do    string `json:"do"`
	Name  string `json:"name"`
	Where string `json:"where"` // official, mini, wecom, sms
	With  string `json:"with"`
}

// actor is one line of the table of acts: one of the functions plays it. They run under the lock and
// return what to push after it.
type actor struct {
	do, name, with string
	official       func(*Simulator, *official, Act) (scene, error)
	corp           func(*Simulator, *corp, Act) (scene, error)
	mini           func(*Simulator, *mini, Act) (scene, error)
}

// scene is an act that was played in the world and has callbacks to push.
type scene struct {
	played Played
	push   func() ([]*Callback, error)
}

func actors() []actor {
	return []actor{
		{"follow", "关注", "场景值，可空", (*Simulator).follow, nil, nil},
		{"unfollow", "取消关注", "", (*Simulator).unfollow, nil, nil},
		{"scan", "扫带参数二维码", "场景值", (*Simulator).scan, nil, nil},
		{"menu", "点菜单", "菜单 key", (*Simulator).menu, nil, nil},
		{"menu_link", "点菜单链接", "网址", (*Simulator).menuLink, nil, nil},
		{"say", "发文字", "文字", (*Simulator).sayToOfficial, nil, nil},
		{"choose", "点选菜单消息里的一项", "选项 id", (*Simulator).choose, nil, nil},
		{"photo", "发图片", "图片地址", (*Simulator).photo, nil, nil},
		{"location", "上报位置", "纬度,经度", (*Simulator).locate, nil, nil},
		{"refuse", "拒收模板消息", "", (*Simulator).refuseTemplates, nil, nil},
		{"accept", "恢复接收模板消息", "", (*Simulator).acceptTemplates, nil, nil},
		{"block", "拒收模板消息", "", (*Simulator).refuseTemplates, nil, nil},
		{"subscribe_notice", "订阅通知：同意或拒绝", "模板 ID=accept|reject，可多个；state 为弹窗场景 1 网页 2 图文", (*Simulator).subscribeNotice, nil, nil},
		{"drop_notice", "在设置里关闭订阅通知", "模板 ID", (*Simulator).dropNotice, nil, nil},
		{"subscribe_once", "一次性订阅：确认页上同意或拒绝", "确认页地址（不同意时 state 为 cancel），或模板 ID/场景值（不同意时加 /reject，state 为回跳地址）", (*Simulator).subscribeOnce, nil, nil},
		{"open_mini", "打开小程序", "页面，可空", nil, nil, (*Simulator).openMini},
		{"mini_session", "进入小程序客服会话", "来源，可空", nil, nil, (*Simulator).enterSession},
		{"mini_say", "在小程序客服会话里发文字", "文字", nil, nil, (*Simulator).sayToMini},
		{"mini_subscribe", "小程序订阅消息：同意或拒绝", "模板 ID=accept|reject|ban|filter，最多 3 个", nil, nil, (*Simulator).subscribeMini},
		{"mini_drop", "在设置里关闭小程序订阅消息", "模板 ID", nil, nil, (*Simulator).dropMini},
		{"mini_authorize_phone", "允许小程序使用手机号", "手机号，可空", nil, nil, (*Simulator).authorizePhone},
		{"add_staff", "添加员工", "员工 userid", nil, (*Simulator).addStaff, nil},
		{"half_add", "免验证添加员工", "员工 userid", nil, (*Simulator).halfAdd, nil},
		{"edit_customer", "员工修改客户备注", "员工 userid", nil, (*Simulator).editCustomer, nil},
		{"delete_staff", "客户删除员工", "员工 userid", nil, (*Simulator).deleteStaff, nil},
		{"staff_delete", "员工删除客户", "客户 external_userid", nil, (*Simulator).staffDelete, nil},
		{"staff_say", "员工给应用发文字", "文字", nil, (*Simulator).staffSay, nil},
		{"staff_open", "员工打开应用", "", nil, (*Simulator).staffOpen, nil},
		{"tap_card", "员工点模板卡片的按钮", "按钮 key，或 task_id/key", nil, (*Simulator).tapCard, nil},
		{"staff_join", "员工入职", "姓名", nil, (*Simulator).staffJoin, nil},
		{"staff_leave", "员工离职", "", nil, (*Simulator).staffLeave, nil},
		{"raw", "原样推送一段 XML 或 JSON", "XML 或 JSON", (*Simulator).rawOfficial, (*Simulator).rawCorp, (*Simulator).rawMini},
	}
}

// Acts lists what people can do.
func Acts() []ActInfo {
	var out []ActInfo
	for _, a := range actors() {
		where := "official"
		switch {
		case a.official != nil:
		case a.mini != nil:
			where = "mini"
		default:
			where = "wecom"
		}
		out = append(out, ActInfo{a.do, a.name, where, a.with})
	}
	return append(out, smsActs...)
}

// Act plays a person and waits until the callbacks it led to are acknowledged or dropped, unless it is
// Async. Invalid, NotFound and Conflict faults say why someone can't do that; then nothing happened.
// When ctx ends first its error is returned beside what was played.
func (s *Simulator) Act(ctx context.Context, a Act) (Played, error) {
	sc, err := s.play(a)
	if err != nil {
		return Played{}, err
	}
	var list []*Callback
	if sc.push != nil {
		if list, err = sc.push(); err != nil {
			return sc.played, err
		}
	}
	if a.Async {
		sc.played.Callbacks = s.callbacks.copies(list)
		return sc.played, nil
	}
	sc.played.Callbacks, err = s.callbacks.settled(ctx, list)
	return sc.played, err
}

func (s *Simulator) play(a Act) (scene, error) {
	if sc, known, err := s.playSMS(a); known {
		return sc, err
	}
	list := actors()
	i := slices.IndexFunc(list, func(x actor) bool { return x.do == a.Do })
	if i < 0 {
		var names []string
		for _, x := range Acts() {
			names = append(names, x.Do)
		}
		return scene{}, fault.New(fault.Invalid, "不认识的动作 %q；可用的有 %s", a.Do, strings.Join(names, "、"))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	x := list[i]
	if o := s.officialFor(a.App); o != nil && x.official != nil {
		return x.official(s, o, a)
	}
	if m := s.miniFor(a.App); m != nil && x.mini != nil {
		return x.mini(s, m, a)
	}
	if c := s.corpFor(a.App); c != nil && x.corp != nil {
		return x.corp(s, c, a)
	}
	if a.App == "" {
		return scene{}, fault.New(fault.Invalid, "缺少 app：请写 AppID、CorpID 或 CorpID/AgentID")
	}
	return scene{}, fault.New(fault.NotFound, "账号 %q 不存在，或不能做“%s”", a.App, x.name)
}

// officialFor, miniFor and corpFor find an account; without a name, the only one.
func (s *Simulator) officialFor(app string) *official {
	if app == "" && len(s.officials) == 1 {
		return s.officials[0]
	}
	return s.appIDs[app]
}

func (s *Simulator) miniFor(app string) *mini {
	if app == "" && len(s.minis) == 1 {
		return s.minis[0]
	}
	return s.miniIDs[app]
}

func (s *Simulator) corpFor(app string) *corp {
	if app == "" && len(s.corps) == 1 {
		return s.corps[0]
	}
	id, _, _ := strings.Cut(app, "/")
	return s.corpIDs[id]
}

// agentOf finds an app by "CorpID/AgentID".
func (s *Simulator) agentOf(app string) *agent {
	corpID, id, _ := strings.Cut(app, "/")
	n, err := strconv.Atoi(id)
	if c := s.corpIDs[corpID]; c != nil && err == nil {
		return c.agents[n]
	}
	return nil
}

// someone finds a person by any id, or makes one of a new id, as far as there is room.
func (s *Simulator) someone(who string) (*person, error) {
	if who == "" {
		return nil, fault.New(fault.Invalid, "缺少 who：请写是谁做的")
	}
	if p := s.people[who]; p != nil {
		return p, nil
	}
	if s.full() {
		return nil, fault.New(fault.Limited, "模拟的人已有 %d 个，不再增加", maxPeople)
	}
	return &person{}, nil
}
