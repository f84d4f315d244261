package httpapi

import (
	"context"
	"time"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/clock"
)

// Account is a platform account without its secrets.
type Account struct {
	ID          string     `json:"id" doc:"official/AppID，mini/AppID，wecom/CorpID/AgentID，或 sms/签名；接在 /accounts/ 后就是它的地址"`
	Kind        string     `json:"kind" doc:"official 公众号，mini 小程序，wecom 企业微信应用，sms 阿里云短信"`
	Name        string     `json:"name"`
	AppID       string     `json:"app_id,omitempty"`
	CorpID      string     `json:"corp_id,omitempty"`
	AgentID     int        `json:"agent_id,omitempty"`
	SignName    string     `json:"sign_name,omitempty" doc:"短信签名"`
	AccessKeyID string     `json:"access_key_id,omitempty" doc:"短信的 AccessKey ID，中间打码"`
	Mode        string     `json:"mode,omitempty" doc:"公众号、小程序的消息加解密方式：aes compat plain"`
	Secrets     []string   `json:"secrets" doc:"填了哪些密钥；值不返回"`
	ReadOnly    bool       `json:"read_only" doc:"写在配置文件里，这里只能查看"`
	Problem     string     `json:"problem,omitempty" doc:"账号不可用的原因"`
	CallbackURL string     `json:"callback_url,omitempty" doc:"填到平台后台的回调地址；短信的含密串，只给能管理账号的人，接 /report 收回执，接 /up 收上行"`
	Health      []Health   `json:"health" doc:"各凭据最近一次使用的结果"`
	Rev         int64      `json:"rev,omitempty" doc:"版本：修改时用 If-Match 带上，别人先改过就不会被覆盖；写在配置文件里的没有"`
	UpdatedAt   *time.Time `json:"updated_at,omitempty"`
	UpdatedBy   string     `json:"updated_by,omitempty"`
}

// Health is how a credential stands.
type Health struct {
	Purpose   string     `json:"purpose" doc:"app 自身接口，contact 客户联系"`
	OK        bool       `json:"ok"`
	CheckedAt *time.Time `json:"checked_at,omitempty" doc:"没有表示还没用过"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	Code      int        `json:"code,omitempty" doc:"平台错误码"`
	Problem   string     `json:"problem,omitempty"`
	SkewMs    int64      `json:"skew_ms,omitempty" doc:"平台时钟减本机时钟"`
}

// accountRef names an account by its address.
type accountRef struct {
	kind account.Kind
	app  string
	agt  int
}

func (r accountRef) id() string {
	if r.kind == account.KindWeCom {
		return account.WeCom{CorpID: r.app, AgentID: r.agt}.ID()
	}
	return r.app
}

// OfficialRef is the address of an official account.
type OfficialRef struct {
	AppID string `path:"app_id" maxLength:"64"`
}

func (r OfficialRef) ref() accountRef { return accountRef{kind: account.KindOfficial, app: r.AppID} }

// WeComRef is the address of a WeCom app.
type WeComRef struct {
	CorpID  string `path:"corp_id" maxLength:"64"`
	AgentID int    `path:"agent_id" minimum:"1"`
}

func (r WeComRef) ref() accountRef {
	return accountRef{kind: account.KindWeCom, app: r.CorpID, agt: r.AgentID}
}

// MiniRef is the address of a mini-program.
type MiniRef struct {
	AppID string `path:"app_id" maxLength:"64"`
}

func (r MiniRef) ref() accountRef { return accountRef{kind: account.KindMini, app: r.AppID} }

// SMSRef is the address of an SMS signature.
type SMSRef struct {
	SignName string `path:"sign_name" maxLength:"96"`
}

func (r SMSRef) ref() accountRef { return accountRef{kind: account.KindSMS, app: r.SignName} }

func (a *API) account(ctx context.Context, e account.Entry) (Account, error) {
	out := Account{ID: string(e.Kind) + "/" + e.ID, Kind: string(e.Kind), Name: e.Name, AppID: e.AppID, CorpID: e.CorpID, AgentID: e.AgentID,
		SignName: e.SignName, AccessKeyID: e.AccessKeyID, Mode: string(e.Mode), Secrets: append([]string{}, e.Secrets...), ReadOnly: e.ReadOnly,
		Problem: e.Problem, CallbackURL: a.callbackURL(ctx, e), Health: []Health{}, Rev: e.Rev, UpdatedAt: a.since(e.UpdatedAt), UpdatedBy: e.UpdatedBy}
	if e.Problem != "" {
		return out, nil
	}
	creds, _ := a.Accounts.Credentials(e.Kind, e.ID) // none of an account that was removed this moment
	for _, c := range creds {
		h, err := a.Tokens.Health(ctx, c)
		if err != nil {
			return out, err
		}
		out.Health = append(out.Health, a.health(h))
	}
	return out, nil
}

// callbackURL is what is entered at the platform. Whoever knows that of an SMS account can report receipts,
// since Aliyun signs none; so only those see it who may enter it.
func (a *API) callbackURL(ctx context.Context, e account.Entry) string {
	if e.Kind != account.KindSMS {
		return a.PublicURL + "/callback/" + string(e.Kind) + "/" + e.ID
	}
	sms, ok := a.Accounts.SMS(e.ID)
	if who := by(ctx); !ok || sms.ReceiptToken == "" || who.Principal == nil || !who.May(auth.WriteAccounts) {
		return ""
	}
	return a.PublicURL + "/callback/sms/aliyun/" + sms.ReceiptToken
}

func (a *API) health(h account.Health) Health {
	return Health{Purpose: string(h.Purpose), OK: h.OK, CheckedAt: a.since(h.CheckedAt), ExpiresAt: a.since(h.ExpiresAt), Code: h.Code, Problem: h.Problem, SkewMs: h.SkewMs}
}

func (a *API) listAccounts(ctx context.Context, in *Page) (*listOf[Account], error) {
	page, err := window(a.Accounts.List(), *in)
	if err != nil {
		return nil, err
	}
	out := List[Account]{Items: []Account{}, Next: page.Next}
	for _, e := range page.Items {
		shown, err := a.account(ctx, e)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, shown)
	}
	return &listOf[Account]{out}, nil
}

// AccountChange is what may be entered of an account; what is absent stays.
type AccountChange struct {
	Name            *string `json:"name,omitempty"`
	Mode            *string `json:"mode,omitempty" doc:"公众号、小程序：aes compat plain"`
	AppSecret       *string `json:"app_secret,omitempty" doc:"公众号、小程序"`
	AgentSecret     *string `json:"agent_secret,omitempty" doc:"企业微信应用"`
	ContactSecret   *string `json:"contact_secret,omitempty" doc:"企业微信客户联系，仅老企业需要"`
	Token           *string `json:"token,omitempty" doc:"短信以外"`
	AESKey          *string `json:"aes_key,omitempty" doc:"短信以外"`
	AccessKeyID     *string `json:"access_key_id,omitempty" doc:"短信"`
	AccessKeySecret *string `json:"access_key_secret,omitempty" doc:"短信"`
	ReceiptToken    *string `json:"receipt_token,omitempty" doc:"短信回执地址里的密串，新账号不填则自动生成"`
}

func (c AccountChange) change(r accountRef) account.Change {
	out := account.Change{Kind: r.kind, App: r.app, AgentID: r.agt, Name: c.Name, Secret: c.AppSecret, ContactSecret: c.ContactSecret, Token: c.Token, AESKey: c.AESKey}
	switch r.kind {
	case account.KindWeCom:
		out.Secret = c.AgentSecret
	case account.KindSMS:
		out.Secret, out.Token, out.AccessKeyID = c.AccessKeySecret, c.ReceiptToken, c.AccessKeyID
	}
	if c.Mode != nil {
		m := account.Mode(*c.Mode)
		out.Mode = &m
	}
	return out
}

type newAccountInput struct {
	Body struct {
		Kind     string `json:"kind" enum:"official,mini,wecom,sms"`
		AppID    string `json:"app_id,omitempty" doc:"公众号、小程序"`
		CorpID   string `json:"corp_id,omitempty" doc:"企业微信"`
		AgentID  int    `json:"agent_id,omitempty" doc:"企业微信应用"`
		SignName string `json:"sign_name,omitempty" doc:"短信签名，不带【】"`
		AccountChange
	}
}

func (a *API) addAccount(ctx context.Context, in *newAccountInput) (*answer[Account], error) {
	ref := OfficialRef{in.Body.AppID}.ref()
	switch account.Kind(in.Body.Kind) {
	case account.KindWeCom:
		ref = WeComRef{in.Body.CorpID, in.Body.AgentID}.ref()
	case account.KindMini:
		ref = MiniRef{in.Body.AppID}.ref()
	case account.KindSMS:
		ref = SMSRef{in.Body.SignName}.ref()
	}
	e, err := a.Accounts.Add(ctx, in.Body.change(ref), by(ctx).By())
	if err != nil {
		return nil, err
	}
	shown, err := a.account(ctx, e)
	return &answer[Account]{shown}, err
}

func (a *API) getAccount(ctx context.Context, r accountRef) (*answer[Account], error) {
	e, err := a.Accounts.Get(r.kind, r.id())
	if err != nil {
		return nil, err
	}
	shown, err := a.account(ctx, e)
	return &answer[Account]{shown}, err
}

func (a *API) changeAccount(ctx context.Context, r accountRef, s Seen, c AccountChange) (*answer[Account], error) {
	change := c.change(r)
	var err error
	if change.Seen, err = s.seen(); err != nil {
		return nil, err
	}
	e, err := a.Accounts.Edit(ctx, change, by(ctx).By())
	if err != nil {
		return nil, err
	}
	shown, err := a.account(ctx, e)
	return &answer[Account]{shown}, err
}

func (a *API) deleteAccount(ctx context.Context, r accountRef) (*struct{}, error) {
	return &struct{}{}, a.Accounts.Delete(ctx, r.kind, r.id())
}

// checkAccount asks the platform now. What it says is the answer, also when it says no.
func (a *API) checkAccount(ctx context.Context, r accountRef) (*answer[Account], error) {
	creds, err := a.Accounts.Credentials(r.kind, r.id())
	if err != nil {
		return nil, err
	}
	for _, c := range creds {
		if _, err := a.Tokens.Check(ctx, c); err != nil {
			return nil, err
		}
	}
	return a.getAccount(ctx, r)
}

func (a *API) getOfficial(ctx context.Context, in *OfficialRef) (*answer[Account], error) {
	return a.getAccount(ctx, in.ref())
}

func (a *API) changeOfficial(ctx context.Context, in *struct {
	OfficialRef
	Seen
	Body AccountChange
}) (*answer[Account], error) {
	return a.changeAccount(ctx, in.ref(), in.Seen, in.Body)
}

func (a *API) deleteOfficial(ctx context.Context, in *OfficialRef) (*struct{}, error) {
	return a.deleteAccount(ctx, in.ref())
}

func (a *API) checkOfficial(ctx context.Context, in *OfficialRef) (*answer[Account], error) {
	return a.checkAccount(ctx, in.ref())
}

func (a *API) getWeCom(ctx context.Context, in *WeComRef) (*answer[Account], error) {
	return a.getAccount(ctx, in.ref())
}

func (a *API) changeWeCom(ctx context.Context, in *struct {
	WeComRef
	Seen
	Body AccountChange
}) (*answer[Account], error) {
	return a.changeAccount(ctx, in.ref(), in.Seen, in.Body)
}

func (a *API) deleteWeCom(ctx context.Context, in *WeComRef) (*struct{}, error) {
	return a.deleteAccount(ctx, in.ref())
}

func (a *API) checkWeCom(ctx context.Context, in *WeComRef) (*answer[Account], error) {
	return a.checkAccount(ctx, in.ref())
}

func (a *API) getMini(ctx context.Context, in *MiniRef) (*answer[Account], error) {
	return a.getAccount(ctx, in.ref())
}

func (a *API) changeMini(ctx context.Context, in *struct {
	MiniRef
	Seen
	Body AccountChange
}) (*answer[Account], error) {
	return a.changeAccount(ctx, in.ref(), in.Seen, in.Body)
}

func (a *API) deleteMini(ctx context.Context, in *MiniRef) (*struct{}, error) {
	return a.deleteAccount(ctx, in.ref())
}

func (a *API) checkMini(ctx context.Context, in *MiniRef) (*answer[Account], error) {
	return a.checkAccount(ctx, in.ref())
}

func (a *API) getSMS(ctx context.Context, in *SMSRef) (*answer[Account], error) {
	return a.getAccount(ctx, in.ref())
}

func (a *API) changeSMS(ctx context.Context, in *struct {
	SMSRef
	Seen
	Body AccountChange
}) (*answer[Account], error) {
	return a.changeAccount(ctx, in.ref(), in.Seen, in.Body)
}

func (a *API) deleteSMS(ctx context.Context, in *SMSRef) (*struct{}, error) {
	return a.deleteAccount(ctx, in.ref())
}

// checkSMS asks Aliyun now. There is no token whose standing could be kept: the answer is all there is.
func (a *API) checkSMS(ctx context.Context, in *SMSRef) (*answer[Account], error) {
	e, err := a.Accounts.Get(account.KindSMS, in.SignName)
	if err != nil {
		return nil, err
	}
	shown, err := a.account(ctx, e)
	if sms, ok := a.Accounts.SMS(in.SignName); err == nil && ok {
		h := a.CheckSMS(ctx, sms)
		h.CheckedAt = clock.Ms(a.Clock.Wall())
		shown.Health = append(shown.Health, a.health(h))
	}
	return &answer[Account]{shown}, err
}
