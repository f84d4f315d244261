package wecom

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/ArtisanCloud/PowerLibs/v3/object"
	"github.com/ArtisanCloud/PowerWeChat/v3/src/work/agent/response"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/channels/wechat"
)

// Examiner finds out what is missing on WeCom's side for Koi to work, as far as an interface tells.
type Examiner struct {
	client   *Client
	accounts *account.Directory
	public   string
}

// NewExaminer makes an examiner; public is the address the platform reaches Koi at.
func NewExaminer(client *Client, accounts *account.Directory, public string) *Examiner {
	return &Examiner{client: client, accounts: accounts, public: public}
}

// Examine looks at every WeCom app. It sends nothing to anybody.
func (x *Examiner) Examine(ctx context.Context) []account.Finding {
	var out []account.Finding
	for _, w := range x.accounts.WeComs() {
		out = append(out, x.app(ctx, w)...)
		out = append(out, x.customers(ctx, w)...)
		out = append(out,
			wechat.TryCallback(ctx, x.public+"/callback/wecom/"+w.ID(), w.ID(), credentials(w), true),
			// None of these can be asked for; without them nothing comes in, and nobody tells.
			account.Finding{Check: "外部联系人变更回调", Account: w.ID(), Verdict: account.ByHand, What: "平台没有查询接口",
				Do: "请在企业微信管理后台「客户与上下游 → 客户联系 → 可调用接口的应用」里选中这个应用，并勾选「外部联系人变更回调」；勾选后加一次好友，时间线里应出现「添加企微好友」"},
			account.Finding{Check: "可信域名与备案主体", Account: w.ID(), Verdict: account.ByHand, What: "平台没有查询接口",
				Do: "应用主页的「网页授权及 JS-SDK」可信域名应为 public_url 的域名，且 ICP 备案主体与企业微信主体一致；域名校验文件可在「设置」里上传"})
	}
	return out
}

// app looks at the app itself (获取应用, path/90227).
func (x *Examiner) app(ctx context.Context, w account.WeCom) []account.Finding {
	var got struct {
		Close int `json:"close"`
		Users struct {
			User []struct{} `json:"user"`
		} `json:"allow_userinfos"`
		Parties struct {
			ID []int64 `json:"partyid"`
		} `json:"allow_partys"`
		Tags struct {
			ID []int64 `json:"tagid"`
		} `json:"allow_tags"`
		Domain string `json:"redirect_domain"`
		Home   string `json:"home_url"`
	}
	t, err := x.client.do(ctx, w.Credential(), func(a *app) error {
		// The SDK's Agent.Get posts, which the platform refuses (43001).
		_, err := a.Agent.BaseClient.HttpGet(context.Background(), "cgi-bin/agent/get", &object.StringMap{"agentid": strconv.Itoa(w.AgentID)}, nil, &response.ResponseAgentGet{})
		return err
	})
	if t != nil && t.Err() == nil { // the SDK's own opinion of the answer is of no interest
		err = t.Decode(&got)
	}
	if err != nil {
		return []account.Finding{wechat.Failing("应用与企业可信 IP", w.ID(), err)}
	}
	f := func(check string, v account.Verdict, what, do string) account.Finding {
		return account.Finding{Check: check, Account: w.ID(), Verdict: v, What: what, Do: do}
	}
	out := []account.Finding{f("应用与企业可信 IP", account.Good, "Secret、AgentId 和出口 IP 都被接受", "")}
	if got.Close != 0 {
		out = append(out, f("应用状态", account.Bad, "应用已被停用", "请到企业微信管理后台启用该应用"))
	}
	seats := fmt.Sprintf("%d 个部门、%d 位成员、%d 个标签", len(got.Parties.ID), len(got.Users.User), len(got.Tags.ID))
	if len(got.Parties.ID)+len(got.Users.User)+len(got.Tags.ID) == 0 {
		out = append(out, f("可见范围", account.Bad, "应用的可见范围是空的，收不到提醒，也读不到通讯录", "请在应用详情里把需要的部门加入可见范围"))
	} else {
		out = append(out, f("可见范围", account.Good, "可见范围有 "+seats, ""))
	}
	if got.Domain == "" {
		out = append(out, f("可信域名", account.Doubt, "没有设置网页授权可信域名，员工在企业微信里打不开需要登录的页面", "请在应用详情「网页授权及 JS-SDK」里设置 public_url 的域名"))
	} else if host := strings.TrimPrefix(strings.TrimPrefix(x.public, "https://"), "http://"); !strings.HasPrefix(host, got.Domain) {
		out = append(out, f("可信域名", account.Doubt, "可信域名是 "+got.Domain+"，与 public_url（"+host+"）不同", "请改成一致，否则员工打不开需要登录的页面"))
	}
	if got.Home != "" {
		// Apps set to open their home page show only 20 bytes of a message in WeChat (path/90236).
		out = append(out, f("应用主页", account.Doubt, "应用设置了主页；若在「微信插件」里设为始终进入主页，微信里只显示消息的前 20 个字节",
			"请在「我的企业 → 微信插件」里关闭「始终进入主页」，或用文本卡片发送提醒"))
	}
	return out
}

// customers looks at 客户联系 (获取配置了客户联系功能的成员列表, path/92571).
func (x *Examiner) customers(ctx context.Context, w account.WeCom) []account.Finding {
	const check = "客户联系"
	var got struct {
		Users []string `json:"follow_user"`
	}
	t, err := x.client.do(ctx, w.ContactCredential(), func(a *app) error {
		_, err := a.ExternalContact.GetFollowUsers(context.Background())
		return err
	})
	if t != nil && t.Err() == nil {
		err = t.Decode(&got)
	}
	switch {
	case err != nil:
		return []account.Finding{customerless(wechat.Failing(check, w.ID(), err))}
	case len(got.Users) == 0:
		return []account.Finding{{Check: check, Account: w.ID(), Verdict: account.Bad, What: "没有员工可以使用客户联系，或他们都不在应用的可见范围里",
			Do: "请在「客户联系 → 权限配置」里把员工加入使用范围，并加入应用的可见范围"}}
	}
	return []account.Finding{{Check: check, Account: w.ID(), Verdict: account.Good, What: fmt.Sprintf("有 %d 位员工可以添加客户", len(got.Users))}}
}

// customerless adds where the permission is given: the code alone does not lead there.
func customerless(f account.Finding) account.Finding {
	f.Do += "；并请在「客户联系 → 可调用接口的应用」里选中这个应用"
	return f
}
