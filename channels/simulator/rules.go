package simulator

import "net/http"

// auth says whose token a rule asks for.
type auth int

const (
	noToken      auth = iota // the call that fetches one
	appToken                 // an official account's or a mini program's
	agentToken               // a WeCom app's
	contactToken             // the 客户联系 secret's, or an app's that may call customer contact
	corpToken                // any of the corp's
)

// rule is one line of what a platform's interface checks, in the order in which it checks: method, token,
// quotas, fields; then do acts, and may refuse for reasons that lie in the world.
type rule struct {
	platform platform
	method   string
	path     string
	name     string
	auth     auth
	quotas   []quota
	checks   []check
	do       func(*Simulator, *call) (answer, *refusal)
}

const get, post = http.MethodGet, http.MethodPost

func byAccount(c *call) string { return c.account() }

// daily is a quota of an official account per calendar day.
func daily(name string, limit int) quota { return quota{name, limit, day, byAccount, 45009} }

// wecomAPI are the limits every WeCom interface has (path/90454, seen 2023-08): per corp and interface,
// and per IP address over all.
func wecomAPI(more ...quota) []quota {
	corpAPI := func(c *call) string { return c.corp.CorpID + c.path }
	ip := func(c *call) string { return c.ip }
	return append([]quota{
		{"wecom.api.minute", 10_000, minute, corpAPI, 45009},
		{"wecom.api.hour", 150_000, hour, corpAPI, 45009},
		{"wecom.ip.minute", 20_000, minute, ip, 45009},
		{"wecom.ip.hour", 600_000, hour, ip, 45009},
	}, more...)
}

// rules is the table: every interface the simulator knows, with its checks, quotas and codes. Some
// platforms share paths; the token tells them apart.
func rules() []rule {
	appCredentials := []check{need("appid", 41002), need("secret", 41004), oneOf("grant_type", 40002, "client_credential")}
	return []rule{
		{wechatOA, get, "/cgi-bin/token", "获取 access_token", noToken,
			[]quota{{"oa.token", 2000, day, byAccount, 45009}}, appCredentials, (*Simulator).classicToken},
		{wechatOA, post, "/cgi-bin/stable_token", "获取稳定版 access_token", noToken, []quota{
			{"oa.stable_token.minute", 10_000, minute, byAccount, 45011},
			{"oa.stable_token", 500_000, day, byAccount, 45009},
		}, appCredentials, (*Simulator).stableToken},
		{wechatOA, post, "/cgi-bin/message/custom/send", "发送客服消息", appToken,
			[]quota{daily("oa.kf", 500_000)}, kfChecks, (*Simulator).sendCustom},
		{wechatMini, post, "/cgi-bin/message/custom/send", "发送小程序客服消息", appToken,
			[]quota{daily("mini.kf", 500_000)}, miniKFChecks, (*Simulator).sendMiniCustom},
		{wechatOA, post, "/cgi-bin/message/template/send", "发送模板消息", appToken,
			[]quota{daily("oa.template", 100_000)}, dataChecks, (*Simulator).sendTemplate},
		{wechatOA, post, "/cgi-bin/message/subscribe/bizsend", "发送订阅通知", appToken,
			[]quota{daily("oa.notice", 100_000)}, dataChecks, (*Simulator).bizSend},
		{wechatOA, post, "/cgi-bin/message/template/subscribe", "发送一次性订阅消息", appToken,
			[]quota{daily("oa.once", 100_000)}, onceChecks, (*Simulator).sendOnce},
		{wechatOA, get, "/cgi-bin/template/get_all_private_template", "获取模板列表", appToken, nil, nil, (*Simulator).templateList},
		{wechatOA, get, "/wxaapi/newtmpl/gettemplate", "获取订阅通知的模板列表", appToken, nil, nil, (*Simulator).noticeList},
		{wechatOA, get, "/cgi-bin/ticket/getticket", "获取 jsapi_ticket", appToken, nil,
			[]check{oneOf("type", 40097, "jsapi")}, (*Simulator).ticket},
		{wechatOA, post, "/cgi-bin/qrcode/create", "生成带参数的二维码", appToken,
			[]quota{daily("oa.qrcode", 100_000)}, qrCodeChecks, (*Simulator).createQRCode},
		{wechatOA, get, "/cgi-bin/user/info", "获取用户基本信息", appToken,
			[]quota{daily("oa.user_info", 5_000_000)}, []check{need("openid", 40003)}, (*Simulator).userInfo},
		{wechatOA, get, "/cgi-bin/user/get", "获取关注者列表", appToken,
			[]quota{daily("oa.user_get", 500)}, nil, (*Simulator).userGet},
		{wechatOA, post, "/cgi-bin/clear_quota", "重置接口调用次数", appToken,
			[]quota{{"oa.clear_quota", 10, month, byAccount, 48006}}, []check{need("appid", 40013)}, (*Simulator).clearQuota},
		{wechatOA, get, "/cgi-bin/get_api_domain_ip", "获取接口服务器 IP", appToken, nil, nil, (*Simulator).ipList},
		{wechatOA, get, "/cgi-bin/getcallbackip", "获取回调服务器 IP", appToken, nil, nil, (*Simulator).ipList},
		{wechatOA, get, "/sns/oauth2/access_token", "网页授权的 code 换用户", noToken, nil, webCodeChecks, (*Simulator).codeToUser},

		{wechatMini, get, "/sns/jscode2session", "小程序登录", noToken, nil, sessionChecks, (*Simulator).codeToSession},
		{wechatMini, post, "/wxa/business/getuserphonenumber", "获取手机号", appToken, nil,
			[]check{need("code", 40029)}, (*Simulator).userPhone},
		{wechatMini, post, "/cgi-bin/message/subscribe/send", "发送小程序订阅消息", appToken,
			[]quota{daily("mini.subscribe", 10_000_000)}, miniDataChecks, (*Simulator).sendSubscribe},
		{wechatMini, get, "/wxaapi/newtmpl/gettemplate", "获取小程序订阅消息的模板列表", appToken, nil, nil, (*Simulator).noticeList},
		{wechatMini, get, "/cgi-bin/get_api_domain_ip", "获取接口服务器 IP", appToken, nil, nil, (*Simulator).ipList},
		{wechatMini, get, "/cgi-bin/getcallbackip", "获取回调服务器 IP", appToken, nil, nil, (*Simulator).ipList},

		{weCom, get, "/cgi-bin/gettoken", "获取 access_token", noToken, nil,
			[]check{need("corpid", 41002), need("corpsecret", 41004)}, (*Simulator).corpToken},
		{weCom, post, "/cgi-bin/message/send", "发送应用消息", agentToken, wecomAPI(), sendChecks, (*Simulator).sendApp},
		{weCom, post, "/cgi-bin/message/update_template_card", "更新模板卡片", agentToken, wecomAPI(), cardUpdateChecks, (*Simulator).updateCard},
		{weCom, get, "/cgi-bin/department/list", "获取部门列表", corpToken, wecomAPI(), nil, (*Simulator).departmentList},
		{weCom, get, "/cgi-bin/department/simplelist", "获取子部门 ID 列表", corpToken, wecomAPI(), nil, (*Simulator).departmentIDs},
		{weCom, get, "/cgi-bin/user/get", "读取成员", corpToken, wecomAPI(), []check{need("userid", 41009)}, (*Simulator).staffGet},
		{weCom, get, "/cgi-bin/user/list", "获取部门成员详情", corpToken, wecomAPI(), []check{whole("department_id", 60123)}, (*Simulator).staffList},
		{weCom, get, "/cgi-bin/user/simplelist", "获取部门成员", corpToken, wecomAPI(), []check{whole("department_id", 60123)}, (*Simulator).staffSimpleList},
		{weCom, get, "/cgi-bin/auth/getuserinfo", "获取访问用户身份", agentToken, wecomAPI(), []check{need("code", 40029)}, (*Simulator).visitor},
		{weCom, get, "/cgi-bin/externalcontact/get_follow_user_list", "获取配置了客户联系的成员", contactToken, wecomAPI(), nil, (*Simulator).followUserList},
		{weCom, get, "/cgi-bin/externalcontact/list", "获取客户列表", contactToken, wecomAPI(), []check{need("userid", 41009)}, (*Simulator).contactList},
		{weCom, get, "/cgi-bin/externalcontact/get", "获取客户详情", contactToken, wecomAPI(), []check{need("external_userid", 41035)}, (*Simulator).contactGet},
		{weCom, post, "/cgi-bin/externalcontact/batch/get_by_user", "批量获取客户详情", contactToken, wecomAPI(),
			[]check{listOf("userid_list", 40058, 100)}, (*Simulator).contactBatch},
		{weCom, post, "/cgi-bin/idconvert/unionid_to_external_userid", "unionid 转 external_userid", contactToken, wecomAPI(),
			[]check{need("unionid", 40063), need("openid", 40063)}, (*Simulator).unionToExternal},
		{weCom, post, "/cgi-bin/externalcontact/send_welcome_msg", "发送新客户欢迎语", contactToken, wecomAPI(), welcomeChecks, (*Simulator).sendWelcome},
		{weCom, get, "/cgi-bin/agent/get", "获取应用", corpToken, wecomAPI(), []check{whole("agentid", 41011)}, (*Simulator).agentGet},
		{weCom, get, "/cgi-bin/get_jsapi_ticket", "获取企业的 jsapi_ticket", corpToken, wecomAPI(
			quota{"wecom.ticket.corp", 400, hour, func(c *call) string { return c.corp.CorpID }, 45009},
			quota{"wecom.ticket.agent", 100, hour, byAccount, 45009}), nil, (*Simulator).ticket},
		{weCom, get, "/cgi-bin/ticket/get", "获取应用的 jsapi_ticket", agentToken, wecomAPI(
			quota{"wecom.agent_ticket", 100, hour, byAccount, 45009}), []check{oneOf("type", 40035, "agent_config")}, (*Simulator).ticket},
		{weCom, get, "/cgi-bin/get_api_domain_ip", "获取接口服务器 IP", corpToken, wecomAPI(), nil, (*Simulator).ipList},
		{weCom, get, "/cgi-bin/getcallbackip", "获取回调服务器 IP", corpToken, wecomAPI(), nil, (*Simulator).ipList},
	}
}

// perform judges a call by the rules of its path and does what it asks for. The lock is held.
func (s *Simulator) perform(c *call, candidates []*rule) answer {
	r := s.pick(c, candidates)
	if c.method != r.method {
		return c.write(r.platform, refuse(wrongMethod(r.method)))
	}
	if no := s.admit(c, r); no != nil {
		return c.write(r.platform, no)
	}
	a, no := r.do(s, c)
	if no != nil {
		return c.write(r.platform, no)
	}
	return a
}

// pick finds the rule for a path that platforms share: the one whose platform issued the token, or
// without a usable token the one whose host or fields the call shows.
func (s *Simulator) pick(c *call, candidates []*rule) *rule {
	if len(candidates) == 1 {
		return candidates[0]
	}
	want := candidates[0].platform
	if t := s.tokens.find(c.in.str("access_token")); t != nil {
		want = t.platform
	} else if c.in.str("userid") != "" {
		want = weCom
	}
	for _, r := range candidates {
		if r.platform == want {
			return r
		}
	}
	return candidates[0]
}

// admit runs everything that is checked before a rule acts.
func (s *Simulator) admit(c *call, r *rule) *refusal {
	if r.auth == noToken {
		c.owner = s.app(c.in.str("appid")) // nobody for an unknown one, which has no quota to use up
	} else if no := s.authorise(c, r); no != nil {
		return no
	}
	for _, q := range r.quotas {
		key := q.per(c)
		if key == "" {
			continue
		}
		if !s.counters.take(q.name, s.counters.limit(q.name, q.limit), q.span, key, 1, c.now) {
			return refuse(q.code)
		}
	}
	if r.method == post && r.platform != weCom {
		if len(c.raw) == 0 {
			return refuse(44002)
		}
		if c.badJSON {
			return refuse(47001)
		}
	}
	for _, k := range r.checks {
		if !k.holds(c) {
			return refusef(k.code, "%s", k.about)
		}
	}
	return nil
}

// Rule is a line of the rule table as people read it.
type Rule struct {
	Platform string   `json:"platform"`
	Method   string   `json:"method"`
	Path     string   `json:"path"`
	Name     string   `json:"name"`
	Quotas   []Limit  `json:"quotas,omitempty"`
	Checks   []string `json:"checks,omitempty"`
}

// Limit is a quota in force: Limit calls per Span, refused with Code beyond. Limit -1 is none.
type Limit struct {
	Name  string `json:"name"`
	Limit int    `json:"limit"`
	Span  string `json:"span"`
	Code  int    `json:"code,omitempty"`
}

// Rules is the table with the quotas as configured, and the standing limits behind it.
func (s *Simulator) Rules() ([]Rule, []Limit) {
	var table []Rule
	for _, r := range rules() {
		line := Rule{Platform: string(r.platform), Method: r.method, Path: r.path, Name: r.name}
		for _, q := range r.quotas {
			line.Quotas = append(line.Quotas, Limit{q.name, s.counters.limit(q.name, q.limit), spanNames[q.span], q.code})
		}
		for _, k := range r.checks {
			line.Checks = append(line.Checks, k.about)
		}
		table = append(table, line)
	}
	var more []Limit
	for _, x := range standing {
		more = append(more, Limit{Name: x.name, Limit: s.counters.limit(x.name, x.limit), Span: x.about})
	}
	return table, more
}
