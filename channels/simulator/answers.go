package simulator

import (
	"fmt"
	"strconv"
)

// platform says whose rules a call is judged by.
type platform string

const (
	wechatOA   platform = "official" // api.weixin.qq.com
	wechatMini platform = "mini"     // api.weixin.qq.com, with a mini program's token
	weCom      platform = "wecom"    // qyapi.weixin.qq.com
)

// answer is a platform's reply: the JSON object that is written.
type answer map[string]any

// refusal is an error code, with the detail a platform would put in errmsg.
type refusal struct {
	code   int
	detail string
}

func refuse(code int) *refusal { return &refusal{code: code} }

func refusef(code int, format string, args ...any) *refusal {
	return &refusal{code, fmt.Sprintf(format, args...)}
}

// ok is an answer with errcode 0 and the given fields.
func ok(fields answer) answer {
	if fields == nil {
		fields = answer{}
	}
	fields["errcode"], fields["errmsg"] = 0, "ok"
	return fields
}

// meanings are the platforms' errmsg texts, shortened: "only errcode may be relied on, errmsg may change"
// (path/90455). A code of WeCom that means something else there has its own entry.
var meanings = map[platform]map[int]string{
	wechatOA: {
		-1:    "system error",
		40001: "invalid credential, access_token is invalid or not latest",
		40002: "invalid grant_type",
		40003: "invalid openid",
		40008: "invalid message type",
		40007: "invalid media_id",
		40013: "invalid appid",
		40014: "invalid access_token",
		40029: "invalid code",
		40035: "invalid args size",
		40037: "invalid template_id",
		40053: "invalid action info",
		40066: "invalid url",
		40097: "invalid args",
		40125: "invalid appsecret",
		40163: "code been used",
		40164: "invalid ip not in whitelist",
		41001: "access_token missing",
		41002: "appid missing",
		41004: "appsecret missing",
		41008: "missing code",
		41030: "invalid page",
		42001: "access_token expired",
		43001: "require GET method",
		43002: "require POST method",
		43004: "require subscribe",
		43101: "user refuse to accept the msg",
		44002: "empty post data",
		44004: "empty content",
		45002: "content size out of limit",
		45009: "reach max api daily quota limit",
		45011: "api minute-quota reach limit, please retry next minute",
		45015: "response out of time limit or subscription is canceled",
		45047: "out of response count limit",
		45065: "clientmsgid exist",
		45066: "clientmsgid retry too fast",
		47001: "data format error",
		47003: "argument invalid",
		48001: "api unauthorized",
		48004: "api forbidden for irregularities",
		48006: "forbid to clear quota because of reaching the limit",
		50002: "user limited",
	},
	weCom: {
		-1:     "system busy",
		40001:  "invalid secret",
		40003:  "invalid UserID",
		40007:  "invalid media_id",
		40008:  "invalid message type",
		40013:  "invalid corpid",
		40014:  "invalid access_token",
		40032:  "invalid userid list size",
		40035:  "invalid parameter",
		40039:  "invalid url size",
		40056:  "invalid agentid",
		40058:  "invalid request parameter",
		40063:  "some parameters are empty",
		40066:  "invalid url",
		40096:  "invalid external userid",
		41001:  "access_token missing",
		41002:  "corpid missing",
		41004:  "secret missing",
		41006:  "media_id missing",
		41009:  "userid missing",
		41010:  "url missing",
		41011:  "agentid missing",
		41016:  "title missing",
		41033:  "description missing",
		41035:  "external userid missing",
		41049:  "welcome code missing",
		41050:  "invalid welcome code",
		41051:  "externaluser has started chatting",
		41057:  "corp not bind wechat developer",
		41096:  "welcome msg is being distributed",
		42001:  "access_token expired",
		42014:  "invalid task_id",
		43001:  "require GET method",
		43002:  "require POST method",
		44004:  "empty content",
		45002:  "content size out of limit",
		45009:  "api freq out of limit",
		45033:  "api concurrent out of limit",
		45034:  "url must have a protocol",
		48002:  "api forbidden for current user",
		50003:  "app is disabled",
		60003:  "department not found",
		60011:  "no privilege to access/modify contact/party/agent",
		60020:  "not allow to access from your ip",
		60111:  "userid not found",
		60123:  "invalid party id",
		81013:  "user & party & tag all invalid",
		82001:  "All touser & toparty & totag are empty",
		82002:  "invalid party list size",
		82003:  "invalid tag list size",
		84061:  "not external contact",
		84083:  "not service staff",
		301002: "not allow operate another agent with this accesstoken",
	},
}

// write turns a refusal into the platform's reply.
func (c *call) write(p platform, r *refusal) answer {
	said := p
	if p == wechatMini {
		said = wechatOA // one host, one table
	}
	msg := meanings[said][r.code]
	if msg == "" {
		msg = "error " + strconv.Itoa(r.code)
	}
	if r.detail != "" {
		msg += ": " + r.detail
	}
	if p == weCom {
		if c.badJSON {
			msg = "Warning: wrong json format. " + msg
		}
		msg += fmt.Sprintf(", from ip: %s, more info at https://open.work.weixin.qq.com/devtool/query?e=%d", c.ip, r.code)
	} else {
		msg += fmt.Sprintf(" rid: %08x-%08x", c.wall/1000, c.id)
	}
	return answer{"errcode": r.code, "errmsg": msg}
}
