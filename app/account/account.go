// Package account knows the platform accounts Koi works for and the access tokens that open them.
//
// Accounts come from the configuration file (read-only) and from the console (sealed in the database);
// both are live without a restart. Tokens are fetched once for all nodes, sealed at rest, renewed before
// they run out and when the platform refuses one. Nothing here prints a secret: every type that holds one
// formats and encodes without it.
//
// The package refuses to know how a platform is spoken to: the one thing it needs from outside, a new
// token, comes from a Source that channels/wechat implements.
package account

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
)

// Kind is what sort of account it is.
type Kind string

// The kinds of accounts.
const (
	KindOfficial Kind = "official" // 公众号
	KindWeCom    Kind = "wecom"    // one self-built app of a WeCom corp
	KindMini     Kind = "mini"     // 小程序
	KindSMS      Kind = "sms"      // one signature (签名) of an Aliyun SMS account
)

// Mode is how an official account's callbacks are encrypted (消息加解密方式). It is pinned: a callback in
// another mode is refused.
type Mode string

// The callback modes.
const (
	ModeAES    Mode = "aes"    // 安全模式
	ModeCompat Mode = "compat" // 兼容模式
	ModePlain  Mode = "plain"  // 明文模式
)

// Official is an official account with its secrets.
type Official struct {
	AppID     string
	AppSecret string
	Token     string
	AESKey    string
	Name      string
	Mode      Mode
}

// WeCom is one self-built app of a corp with its secrets. ContactSecret (客户联系) exists only for corps
// older than 2023-12; for all others the app's own secret serves.
type WeCom struct {
	CorpID        string
	AgentID       int
	AgentSecret   string
	ContactSecret string
	Token         string
	AESKey        string
	Name          string
}

// Mini is a mini-program with its secrets.
type Mini struct {
	AppID     string
	AppSecret string
	Token     string
	AESKey    string
	Name      string
	Mode      Mode
}

// SMS is one signature of an Aliyun SMS account with its secrets. ReceiptToken is the unguessable part of
// the addresses that receipts and uplink come to: Aliyun signs neither.
type SMS struct {
	AccessKeyID     string
	AccessKeySecret string
	SignName        string
	ReceiptToken    string
}

// ID is the account's name in events and messages: its AppID.
func (m Mini) ID() string { return m.AppID }

// ID is the account's name in events and messages: the signature.
func (s SMS) ID() string { return s.SignName }

// ID is the account's name in events, messages and addresses: its AppID.
func (o Official) ID() string { return o.AppID }

// ID is the account's name in events, messages and addresses: "CorpID/AgentID".
func (w WeCom) ID() string { return w.CorpID + "/" + strconv.Itoa(w.AgentID) }

// SplitWeComID takes a WeCom.ID apart; ok is false for anything else.
func SplitWeComID(id string) (corpID string, agentID int, ok bool) {
	corpID, agent, found := strings.Cut(id, "/")
	n, err := strconv.Atoi(agent)
	return corpID, n, found && corpID != "" && err == nil && n > 0
}

// Purpose says what a secret opens.
type Purpose string

// The purposes.
const (
	ForApp     Purpose = "app"     // the account's own interfaces
	ForContact Purpose = "contact" // WeCom 客户联系
)

// Credential is what a token is fetched with.
type Credential struct {
	Kind    Kind
	Account string // the account's ID
	App     string // AppID or CorpID, as the platform wants it
	Purpose Purpose
	Secret  string
}

// Credential opens the account's interfaces.
func (o Official) Credential() Credential {
	return Credential{Kind: KindOfficial, Account: o.AppID, App: o.AppID, Purpose: ForApp, Secret: o.AppSecret}
}

// Credential opens the app's interfaces: messages, directory.
func (w WeCom) Credential() Credential {
	return Credential{Kind: KindWeCom, Account: w.ID(), App: w.CorpID, Purpose: ForApp, Secret: w.AgentSecret}
}

// ContactCredential opens the corp's customers (客户联系): the separate secret where there is one, else the app's own.
func (w WeCom) ContactCredential() Credential {
	if w.ContactSecret == "" {
		return w.Credential()
	}
	return Credential{Kind: KindWeCom, Account: w.ID(), App: w.CorpID, Purpose: ForContact, Secret: w.ContactSecret}
}

// Credential opens the mini-program's interfaces.
func (m Mini) Credential() Credential {
	return Credential{Kind: KindMini, Account: m.AppID, App: m.AppID, Purpose: ForApp, Secret: m.AppSecret}
}

// Format keeps secrets out of every fmt verb, %#v included.
func (m Mini) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "mini-program %s", m.AppID) }

// Format keeps secrets out of every fmt verb, %#v included.
func (a SMS) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "SMS signature %s", a.SignName) }

// Format keeps secrets out of every fmt verb, %#v included.
func (o Official) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "official account %s", o.AppID) }

// Format keeps secrets out of every fmt verb, %#v included.
func (w WeCom) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "WeCom app %s", w.ID()) }

// Format keeps the secret out of every fmt verb, %#v included.
func (c Credential) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "%s credential of %s for %s", c.Kind, c.Account, c.Purpose)
}

// LogValue keeps secrets out of logs.
func (m Mini) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(m)) }

// LogValue keeps secrets out of logs.
func (a SMS) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(a)) }

// LogValue keeps secrets out of logs.
func (o Official) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(o)) }

// LogValue keeps secrets out of logs.
func (w WeCom) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(w)) }

// LogValue keeps the secret out of logs.
func (c Credential) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(c)) }

// MarshalJSON keeps secrets out of answers; Entry is what the console sees.
func (m Mini) MarshalJSON() ([]byte, error) { return json.Marshal(fmt.Sprint(m)) }

// MarshalJSON keeps secrets out of answers; Entry is what the console sees.
func (a SMS) MarshalJSON() ([]byte, error) { return json.Marshal(fmt.Sprint(a)) }

// MarshalJSON keeps secrets out of answers; Entry is what the console sees.
func (o Official) MarshalJSON() ([]byte, error) { return json.Marshal(fmt.Sprint(o)) }

// MarshalJSON keeps secrets out of answers; Entry is what the console sees.
func (w WeCom) MarshalJSON() ([]byte, error) { return json.Marshal(fmt.Sprint(w)) }

// MarshalJSON keeps the secret out of answers.
func (c Credential) MarshalJSON() ([]byte, error) { return json.Marshal(fmt.Sprint(c)) }
