package account

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/configs"
)

// record is an account of any kind in one shape: what is sealed, checked and edited.
type record struct {
	Kind          Kind   `json:"kind"`
	App           string `json:"app"` // AppID, CorpID or the signature
	AgentID       int    `json:"agent_id,omitempty"`
	Name          string `json:"name,omitempty"`
	Mode          Mode   `json:"mode,omitempty"`
	Secret        string `json:"secret"`
	ContactSecret string `json:"contact_secret,omitempty"`
	Token         string `json:"token"` // of an SMS account the receipt token
	AESKey        string `json:"aes_key"`
	AccessKeyID   string `json:"access_key_id,omitempty"`
}

func (r record) id() string {
	if r.Kind == KindWeCom {
		return WeCom{CorpID: r.App, AgentID: r.AgentID}.ID()
	}
	return r.App
}

// Format keeps secrets out of every fmt verb.
func (r record) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "%s account %s", r.Kind, r.id()) }

// LogValue keeps secrets out of logs.
func (r record) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(r)) }

func (r record) official() Official {
	return Official{AppID: r.App, AppSecret: r.Secret, Token: r.Token, AESKey: r.AESKey, Name: r.Name, Mode: r.Mode}
}

func (r record) wecom() WeCom {
	return WeCom{CorpID: r.App, AgentID: r.AgentID, AgentSecret: r.Secret, ContactSecret: r.ContactSecret,
		Token: r.Token, AESKey: r.AESKey, Name: r.Name}
}

func (r record) mini() Mini {
	return Mini{AppID: r.App, AppSecret: r.Secret, Token: r.Token, AESKey: r.AESKey, Name: r.Name, Mode: r.Mode}
}

func (r record) sms() SMS {
	return SMS{AccessKeyID: r.AccessKeyID, AccessKeySecret: r.Secret, SignName: r.App, ReceiptToken: r.Token}
}

// tidy removes what copying from a web page leaves around values, and fills what may be left out.
func (r record) tidy() record {
	for _, s := range []*string{&r.App, &r.Name, &r.Secret, &r.ContactSecret, &r.Token, &r.AESKey, &r.AccessKeyID} {
		*s = strings.TrimSpace(*s)
	}
	switch r.Kind {
	case KindOfficial, KindMini:
		if r.Mode == "" {
			r.Mode = ModeAES
		}
	case KindWeCom:
		r.Mode = "" // WeCom knows only encrypted callbacks
	case KindSMS:
		// Aliyun's console shows signatures in 【】, which it puts around them itself.
		r.App = strings.TrimSuffix(strings.TrimPrefix(r.App, "【"), "】")
		r.Mode, r.AESKey = "", ""
	}
	if r.Name == "" {
		r.Name = r.id()
	}
	return r
}

var (
	appIDForm  = regexp.MustCompile(`^wx[0-9A-Za-z_-]{4,62}$`)
	corpIDForm = regexp.MustCompile(`^w[wx][0-9A-Za-z_-]{4,62}$`)
	tokenForm  = regexp.MustCompile(`^[0-9A-Za-z]{3,32}$`)
	secretForm = regexp.MustCompile(`^[!-~]{8,128}$`)
	// receiptForm is a part of an address that nobody may guess.
	receiptForm = regexp.MustCompile(`^[0-9A-Za-z_-]{8,64}$`)
	accessKey   = regexp.MustCompile(`^[!-~]{4,128}$`)
	signForm    = regexp.MustCompile(`^[^\s【】/?#%&"'<>\\]{2,32}$`)
)

// maxName is in characters.
const maxName = 60

// check returns every problem of an account entered in the console; paths are the configuration's key names.
func (r record) check() []fault.Problem {
	var list []fault.Problem
	add := func(key, format string, args ...any) {
		list = append(list, fault.Problem{Path: key, Message: fmt.Sprintf(format, args...)})
	}
	switch r.Kind {
	case KindOfficial:
		switch {
		case r.App == "":
			add("app_id", "请填写 AppID（公众平台「设置与开发 → 开发接口管理」里以 wx 开头的一串）")
		case strings.HasPrefix(r.App, "gh_"):
			add("app_id", "%s 是公众号的原始 ID，这里要填以 wx 开头的 AppID", r.App)
		case !appIDForm.MatchString(r.App):
			add("app_id", "AppID 应以 wx 开头，只含字母和数字")
		}
		checkSecret(add, "app_secret", "AppSecret", r.Secret)
		if r.Mode != ModeAES && r.Mode != ModeCompat && r.Mode != ModePlain {
			add("mode", "消息加解密方式只能是 aes（安全模式）、compat（兼容模式）或 plain（明文模式）")
		}
	case KindWeCom:
		switch {
		case r.App == "":
			add("corp_id", "请填写企业 ID（企业微信管理后台「我的企业」最下方，以 ww 开头）")
		case !corpIDForm.MatchString(r.App):
			add("corp_id", "企业 ID 应以 ww 或 wx 开头，只含字母和数字")
		}
		if r.AgentID <= 0 {
			add("agent_id", "请填写应用的 AgentId，是一个正整数")
		}
		checkSecret(add, "agent_secret", "应用的 Secret", r.Secret)
		if r.ContactSecret != "" {
			checkSecret(add, "contact_secret", "客户联系 Secret", r.ContactSecret)
		}
	case KindMini:
		switch {
		case r.App == "":
			add("app_id", "请填写小程序的 AppID（公众平台「开发管理 → 开发设置」里以 wx 开头的一串）")
		case strings.HasPrefix(r.App, "gh_"):
			add("app_id", "%s 是小程序的原始 ID，这里要填以 wx 开头的 AppID", r.App)
		case !appIDForm.MatchString(r.App):
			add("app_id", "AppID 应以 wx 开头，只含字母和数字")
		}
		checkSecret(add, "app_secret", "小程序的 AppSecret", r.Secret)
		if r.Mode != ModeAES && r.Mode != ModeCompat && r.Mode != ModePlain {
			add("mode", "消息加密方式只能是 aes（安全模式）、compat（兼容模式）或 plain（明文模式）")
		}
	case KindSMS:
		return append(list, r.checkSMS()...)
	default:
		add("kind", "账号类型只能是 official（公众号）、mini（小程序）、wecom（企业微信应用）或 sms（阿里云短信）")
		return list
	}
	switch {
	case r.Token == "":
		add("token", "请填写 Token，须与平台后台「接收消息」里设置的一致")
	case !tokenForm.MatchString(r.Token):
		add("token", "Token 应为 3 到 32 个字母或数字，须与平台后台一致")
	}
	if r.Mode != ModePlain || r.AESKey != "" {
		if p := aesKeyProblem(r.AESKey); p != "" {
			add("aes_key", "%s", p)
		}
	}
	if utf8.RuneCountInString(r.Name) > maxName {
		add("name", "名称最多 %d 个字", maxName)
	}
	return list
}

func (r record) checkSMS() []fault.Problem {
	var list []fault.Problem
	add := func(key, format string, args ...any) {
		list = append(list, fault.Problem{Path: key, Message: fmt.Sprintf(format, args...)})
	}
	switch {
	case r.App == "":
		add("sign_name", "请填写已在阿里云审核通过的短信签名，不带【】")
	case !signForm.MatchString(r.App):
		add("sign_name", "短信签名应为 2 到 32 个字，不含空格、【】和斜杠等符号")
	}
	switch {
	case r.AccessKeyID == "":
		add("access_key_id", "请填写 AccessKey ID（阿里云「RAM 访问控制 → 用户」里创建，只授予短信权限）")
	case !accessKey.MatchString(r.AccessKeyID):
		add("access_key_id", "AccessKey ID 不对：应为一串不含空格的字母和数字，请从阿里云重新复制")
	}
	checkSecret(add, "access_key_secret", "AccessKey Secret", r.Secret)
	if r.Token != "" && !receiptForm.MatchString(r.Token) {
		add("receipt_token", "回执密串应为 8 到 64 个字母、数字、- 或 _，越难猜越好；留空会自动生成")
	}
	if utf8.RuneCountInString(r.Name) > maxName {
		add("name", "名称最多 %d 个字", maxName)
	}
	return list
}

func checkSecret(add func(key, format string, args ...any), key, label, value string) {
	switch {
	case value == "":
		add(key, "请填写%s", label)
	case !secretForm.MatchString(value):
		add(key, "%s 不对：应为一串不含空格的字母和数字，请从平台后台重新复制", label)
	}
}

// aesKeyProblem checks an EncodingAESKey: 43 characters that, with one "=", are the Base64 of 32 bytes.
func aesKeyProblem(key string) string {
	if key == "" {
		return "请填写 EncodingAESKey（43 个字符）"
	}
	if n := utf8.RuneCountInString(key); n != 43 {
		return fmt.Sprintf("EncodingAESKey 应为 43 个字符，现在是 %d 个：请从平台后台重新复制", n)
	}
	if raw, err := base64.StdEncoding.DecodeString(key + "="); err != nil || len(raw) != 32 {
		return "EncodingAESKey 只能含字母和数字：请从平台后台重新复制"
	}
	return ""
}

// fromFile takes the accounts of the configuration file. configs.Validate has checked them, more leniently
// than the console does: an account without a secret receives callbacks and cannot send.
func fromFile(file configs.Accounts) []record {
	var list []record
	for _, a := range file.Official {
		list = append(list, record{Kind: KindOfficial, App: a.AppID, Name: a.Name, Mode: Mode(a.Mode), Secret: a.AppSecret,
			Token: a.Token, AESKey: a.AESKey}.tidy())
	}
	for _, a := range file.Mini {
		list = append(list, record{Kind: KindMini, App: a.AppID, Name: a.Name, Mode: Mode(a.Mode), Secret: a.AppSecret,
			Token: a.Token, AESKey: a.AESKey}.tidy())
	}
	for _, a := range file.SMS {
		list = append(list, record{Kind: KindSMS, App: a.SignName, AccessKeyID: a.AccessKeyID, Secret: a.AccessKeySecret,
			Token: a.ReceiptToken}.tidy())
	}
	for _, a := range file.WeCom {
		list = append(list, record{Kind: KindWeCom, App: a.CorpID, AgentID: a.AgentID, Name: a.Name, Secret: a.AgentSecret,
			ContactSecret: a.ContactSecret, Token: a.Token, AESKey: a.AESKey}.tidy())
	}
	return list
}
