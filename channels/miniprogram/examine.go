package miniprogram

import (
	"context"
	"fmt"

	"github.com/silenceper/wechat/v2/miniprogram/subscribe"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/channels/wechat"
)

// Examiner finds out what is missing on the mini-programs' side for Koi to work, as far as an interface
// tells.
type Examiner struct {
	caller   *wechat.Caller
	accounts *account.Directory
	public   string
}

// NewExaminer makes an examiner; public is the address the platform reaches Koi at.
func NewExaminer(caller *wechat.Caller, accounts *account.Directory, public string) *Examiner {
	return &Examiner{caller: caller, accounts: accounts, public: public}
}

// Examine looks at every mini-program. It sends nothing to anybody.
func (x *Examiner) Examine(ctx context.Context) []account.Finding {
	var out []account.Finding
	for _, m := range x.accounts.Minis() {
		out = append(out, x.templates(ctx, m),
			wechat.TryCallback(ctx, x.public+"/callback/mini/"+m.AppID, m.AppID, wechat.Credentials{Token: m.Token, AESKey: m.AESKey, Receiver: m.AppID}, false),
			// Cannot be asked for; without it wx.getPhoneNumber and the like are refused to the user's face.
			account.Finding{Check: "用户隐私保护指引", Account: m.AppID, Verdict: account.ByHand, What: "平台没有查询接口",
				Do: "请在公众平台「设置 → 服务内容声明 → 用户隐私保护指引」里声明手机号、位置等用途，否则小程序里取不到它们"})
		if m.Mode == account.ModePlain {
			out = append(out, account.Finding{Check: "消息加解密方式", Account: m.AppID, Verdict: account.Doubt, What: "消息推送是明文模式，内容没有加密",
				Do: "请在公众平台「开发管理 → 消息推送」改为安全模式，并把这里的方式改为 aes"})
		}
	}
	return out
}

// templates asks for the subscription messages' templates (newtmpl/gettemplate), which shows that token and
// address are taken, too.
func (x *Examiner) templates(ctx context.Context, m account.Mini) account.Finding {
	f := account.Finding{Check: "订阅消息", Account: m.AppID}
	t := x.caller.Begin(ctx, m.Credential())
	defer t.End()
	list, _ := subscribe.NewSubscribe(sdk(t)).ListTemplates()
	if err := t.Err(); err != nil {
		return wechat.Failing(f.Check, m.AppID, err)
	}
	if list == nil || len(list.Data) == 0 {
		f.Verdict, f.What, f.Do = account.Doubt, "还没有添加订阅消息模板", "要用小程序订阅消息时，请在公众平台「功能 → 订阅消息」里选用模板"
		return f
	}
	f.Verdict, f.What = account.Good, fmt.Sprintf("有 %d 个订阅消息模板", len(list.Data))
	return f
}
