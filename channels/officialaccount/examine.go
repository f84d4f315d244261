package officialaccount

import (
	"context"
	"errors"
	"fmt"

	"github.com/silenceper/wechat/v2/officialaccount/message"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/channels/wechat"
)

// Examiner finds out what is missing on the official accounts' side for Koi to work, as far as an interface
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

// Examine looks at every official account. It sends nothing to anybody.
func (x *Examiner) Examine(ctx context.Context) []account.Finding {
	var out []account.Finding
	for _, o := range x.accounts.Officials() {
		out = append(out, x.templates(ctx, o), x.notices(ctx, o),
			wechat.TryCallback(ctx, x.public+"/callback/official/"+o.AppID, o.AppID, wechat.Credentials{Token: o.Token, AESKey: o.AESKey, Receiver: o.AppID}, false))
		if o.Mode == account.ModePlain {
			out = append(out, account.Finding{Check: "消息加解密方式", Account: o.AppID, Verdict: account.Doubt, What: "回调是明文模式，内容没有加密",
				Do: "请在公众平台「设置与开发 → 基本配置」改为安全模式，并把这里的方式改为 aes"})
		}
	}
	return out
}

// templates asks for the account's template messages, which 订阅号 and uncertified accounts do not have.
func (x *Examiner) templates(ctx context.Context, o account.Official) account.Finding {
	const check = "模板消息"
	t := x.caller.Begin(ctx, o.Credential())
	defer t.End()
	list, _ := message.NewTemplate(sdk(t)).List()
	if err := t.Err(); err != nil {
		return lacking(wechat.Failing(check, o.AppID, err), err)
	}
	if len(list) == 0 {
		return account.Finding{Check: check, Account: o.AppID, Verdict: account.Doubt, What: "有模板消息权限，但还没有添加模板", Do: "请在公众平台「广告与服务 → 模板消息」添加类目模板"}
	}
	return account.Finding{Check: check, Account: o.AppID, Verdict: account.Good, What: fmt.Sprintf("有 %d 个模板", len(list))}
}

// notices asks for the account's 订阅通知 templates.
func (x *Examiner) notices(ctx context.Context, o account.Official) account.Finding {
	const check = "订阅通知"
	t := x.caller.Begin(ctx, o.Credential())
	defer t.End()
	list, _ := message.NewSubscribe(sdk(t)).List()
	if err := t.Err(); err != nil {
		return lacking(wechat.Failing(check, o.AppID, err), err)
	}
	if len(list) == 0 {
		return account.Finding{Check: check, Account: o.AppID, Verdict: account.Doubt, What: "还没有添加订阅通知模板", Do: "要用订阅通知时，请在公众平台「订阅通知」里选用模板"}
	}
	return account.Finding{Check: check, Account: o.AppID, Verdict: account.Good, What: fmt.Sprintf("有 %d 个订阅通知模板", len(list))}
}

// lacking tells an account that cannot do something from one where something is wrong.
func lacking(f account.Finding, err error) account.Finding {
	var e *wechat.Error
	if errors.As(err, &e) && e.Code == 48001 {
		f.Verdict = account.Doubt
		f.Do += "；这样的账号也没有网页授权，H5 里认不出是哪位粉丝，能用的是关注、菜单、关键词和客服消息"
	}
	return f
}
