package configs

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a minimal container has no zone files

	mysqldriver "github.com/go-sql-driver/mysql"

	"github.com/koi-scrm/koi/app/fault"
)

const day = 24 * time.Hour

// Default is the configuration of an empty file. It passes Validate.
func Default() *Config {
	return &Config{
		Listen:   "127.0.0.1:8080",
		DataDir:  "./data",
		Timezone: "Asia/Shanghai",
		Database: Database{Driver: "sqlite"},
		Callback: Callback{Freshness: 10 * time.Minute},
		Log:      Log{Level: "info", Format: "text"},
		Retention: Retention{
			Log:         7 * day,
			DeadLetters: 90 * day,
			Events:      760 * day, // 25 months: two years can be compared month by month
			Seen:        8 * day,
			Audit:       760 * day,
		},
		Channels: Channels{
			WeChat:    Endpoint{BaseURL: "https://api.weixin.qq.com"},
			WeCom:     WeCom{BaseURL: "https://qyapi.weixin.qq.com", OAuthURL: "https://open.weixin.qq.com"},
			AliyunSMS: Endpoint{BaseURL: "https://dysmsapi.aliyuncs.com"},
			Webhook:   Webhook{Allow: []string{}},
		},
	}
}

// Validate checks everything that can be told without the database or the network, and fills what follows
// from other values: Location, PublicURL (not when the port is 0: then whoever listens knows it) and the
// accounts' Mode. Running it again changes nothing.
//
// Faults: Invalid with every problem at once, each with the path of its key.
func (c *Config) Validate() error { return problems(c.check()) }

func problems(list []fault.Problem) error {
	return fault.Problems("配置有误，请改正后再启动", list)
}

// checks collects problems.
type checks []fault.Problem

func (p *checks) add(path, format string, args ...any) {
	*p = append(*p, fault.Problem{Path: path, Message: fmt.Sprintf(format, args...)})
}

func (p *checks) oneOf(path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		p.add(path, "只能是 %s", strings.Join(allowed, "、"))
	}
}

func (p *checks) required(path, value string) bool {
	if value == "" {
		p.add(path, "必填")
	}
	return value != ""
}

func (c *Config) check() []fault.Problem {
	var p checks
	c.checkPlace(&p)
	c.checkDatabase(&p)
	c.checkTimes(&p)
	c.checkChannels(&p)
	c.checkAccounts(&p)
	return p
}

func (c *Config) checkPlace(p *checks) {
	host, port, err := net.SplitHostPort(c.Listen)
	n, numErr := strconv.ParseUint(port, 10, 16)
	switch {
	case err != nil || numErr != nil:
		p.add("listen", "应形如 127.0.0.1:8080 或 :8080")
	case c.PublicURL == "" && n != 0:
		// Whoever listens on every address is reached on this machine by the loopback one.
		if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
			host = "127.0.0.1"
		}
		c.PublicURL = "http://" + net.JoinHostPort(host, port)
	}
	if c.PublicURL != "" {
		c.PublicURL = p.address("public_url", c.PublicURL)
	}
	p.required("data_dir", c.DataDir)
	c.checkProxies(p)

	loc, err := time.LoadLocation(c.Timezone)
	if err != nil || c.Timezone == "" || c.Timezone == "Local" {
		p.add("timezone", "没有这个时区，应形如 Asia/Shanghai")
	} else {
		c.Location = loc
	}
	if c.SecretKey != "" {
		if key, err := base64.StdEncoding.DecodeString(c.SecretKey); err != nil || len(key) != 32 {
			p.add("secret_key", "应是 32 字节的 base64，可用 openssl rand -base64 32 生成；不填则自动生成在 data_dir 里")
		}
	}
	p.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	p.oneOf("log.format", c.Log.Format, "text", "json")
}

// checkProxies writes each proxy as a CIDR; nobody named means this machine.
func (c *Config) checkProxies(p *checks) {
	if len(c.TrustedProxies) == 0 {
		c.TrustedProxies = []string{"127.0.0.0/8", "::1/128"}
	}
	for i, x := range c.TrustedProxies {
		at := fmt.Sprintf("trusted_proxies[%d]", i)
		if ip, err := netip.ParseAddr(x); err == nil {
			c.TrustedProxies[i] = netip.PrefixFrom(ip, ip.BitLen()).String()
			continue
		}
		switch prefix, err := netip.ParsePrefix(x); {
		case err != nil:
			p.add(at, "应是 IP 或网段，如 10.0.0.5 或 10.0.0.0/24")
		case prefix.Bits() == 0:
			p.add(at, "不能信任所有地址：那样谁都能伪造来源 IP，请只写反向代理的地址")
		}
	}
}

func (c *Config) checkDatabase(p *checks) {
	const form = "应形如 koi:密码@tcp(127.0.0.1:3306)/koi"
	switch c.Database.Driver {
	case "sqlite":
		if c.Database.DSN != "" {
			p.add("database.dsn", "sqlite 不用填：文件在 data_dir 里。要用 MySQL 请把 database.driver 设为 mysql")
		}
	case "mysql":
		if c.Database.DSN == "" {
			p.add("database.dsn", "使用 mysql 时必填，"+form)
			return
		}
		// The driver's error may quote the password.
		if dsn, err := mysqldriver.ParseDSN(c.Database.DSN); err != nil {
			p.add("database.dsn", "写法不对，"+form)
		} else if dsn.DBName == "" {
			p.add("database.dsn", "没有写数据库名，"+form)
		}
	default:
		p.oneOf("database.driver", c.Database.Driver, "sqlite", "mysql")
	}
}

func (c *Config) checkTimes(p *checks) {
	atLeast := func(path string, value, least time.Duration) {
		if value < least {
			p.add(path, "不能少于 %s", human(least))
		}
	}
	atLeast("callback.freshness", c.Callback.Freshness, time.Minute)
	atLeast("retention.log", c.Retention.Log, day)
	atLeast("retention.dead_letters", c.Retention.DeadLetters, day)
	atLeast("retention.events", c.Retention.Events, 30*day)
	atLeast("retention.audit", c.Retention.Audit, 30*day)
	// A callback that is still fresh must still be known, or its repeat counts twice. Seen keys are
	// dropped by whole days.
	atLeast("retention.seen", c.Retention.Seen, max(2*day, c.Callback.Freshness+2*day))
}

func human(d time.Duration) string {
	if d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return strings.TrimSuffix(strings.TrimSuffix(d.String(), "0s"), "0m")
}

func (c *Config) checkChannels(p *checks) {
	for _, e := range []struct {
		path string
		at   *string
	}{
		{"channels.wechat.base_url", &c.Channels.WeChat.BaseURL},
		{"channels.wecom.base_url", &c.Channels.WeCom.BaseURL},
		{"channels.wecom.oauth_url", &c.Channels.WeCom.OAuthURL},
		{"channels.aliyun_sms.base_url", &c.Channels.AliyunSMS.BaseURL},
	} {
		*e.at = p.address(e.path, *e.at)
	}
	for i, text := range c.Channels.Webhook.Allow {
		if !network(text) {
			p.add(fmt.Sprintf("channels.webhook.allow[%d]", i), "应是网段或地址，如 10.2.0.0/16、10.2.3.4")
		}
	}
	smtp := c.Channels.SMTP
	if smtp == (SMTP{}) {
		return
	}
	p.required("channels.smtp.host", smtp.Host)
	if smtp.Port < 1 || smtp.Port > 65535 {
		p.add("channels.smtp.port", "应是 1 到 65535，加密发信常用 465 或 587")
	}
	if _, err := mail.ParseAddress(smtp.From); err != nil {
		p.add("channels.smtp.from", "应是邮件地址，如 市场部 <hello@example.com>")
	}
	if (smtp.User == "") != (smtp.Password == "") {
		p.add("channels.smtp.password", "user 和 password 要么都填，要么都不填")
	}
}

func network(text string) bool {
	if a, err := netip.ParseAddr(text); err == nil {
		return a.Zone() == "" && !a.Is4In6()
	}
	n, err := netip.ParsePrefix(text)
	return err == nil && !n.Addr().Is4In6()
}

// address checks a base URL and returns it without a closing slash, so that paths can be put behind it.
func (p *checks) address(path, value string) string {
	u, err := url.Parse(value)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		p.add(path, "应是 http:// 或 https:// 开头的地址，不带参数")
		return value
	}
	return strings.TrimRight(value, "/")
}

// callbackToken is wider than what the platforms' consoles take (3 to 32 letters and digits), which they
// check themselves; it catches a copied blank or line end.
var callbackToken = regexp.MustCompile(`^[!-~]+$`)

// receiptToken is a part of an address.
var receiptToken = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func (c *Config) checkAccounts(p *checks) {
	p.weChat("accounts.official", c.Accounts.Official)
	p.weChat("accounts.mini", c.Accounts.Mini)
	seen := map[string]bool{}
	for i, a := range c.Accounts.WeCom {
		at := fmt.Sprintf("accounts.wecom[%d].", i)
		p.required(at+"corp_id", a.CorpID)
		if a.AgentID <= 0 {
			p.add(at+"agent_id", "必填，是自建应用的 AgentId（整数）")
		}
		if key := fmt.Sprintf("%s/%d", a.CorpID, a.AgentID); seen[key] {
			p.add(at+"agent_id", "这个应用前面已经写过")
		} else {
			seen[key] = true
		}
		p.doorKeys(at, a.Token, a.AESKey)
	}
	tokens, signs := map[string]bool{}, map[string]bool{}
	for i, a := range c.Accounts.SMS {
		at := fmt.Sprintf("accounts.sms[%d].", i)
		p.required(at+"access_key_id", a.AccessKeyID)
		p.required(at+"access_key_secret", a.AccessKeySecret)
		if p.required(at+"sign_name", a.SignName) && signs[a.SignName] {
			p.add(at+"sign_name", "这个签名前面已经写过")
		}
		signs[a.SignName] = true
		switch {
		case a.ReceiptToken == "": // no receipts are taken then
		case !receiptToken.MatchString(a.ReceiptToken):
			p.add(at+"receipt_token", "只能用英文字母、数字、- 和 _，因为它是回执地址的一段")
		case tokens[a.ReceiptToken]:
			p.add(at+"receipt_token", "不能和前面的账号相同")
		}
		tokens[a.ReceiptToken] = true
	}
}

func (p *checks) weChat(list string, accounts []WeChatAccount) {
	seen := map[string]bool{}
	for i := range accounts {
		a := &accounts[i]
		at := fmt.Sprintf("%s[%d].", list, i)
		if p.required(at+"app_id", a.AppID) && seen[a.AppID] {
			p.add(at+"app_id", "这个账号前面已经写过")
		}
		seen[a.AppID] = true
		if a.Mode == "" {
			a.Mode = "aes"
		}
		p.oneOf(at+"mode", a.Mode, "aes", "compat", "plain")
		if a.Mode == "plain" && a.AESKey == "" {
			p.token(at, a.Token)
			continue
		}
		p.doorKeys(at, a.Token, a.AESKey)
	}
}

func (p *checks) doorKeys(at, token, aesKey string) {
	p.token(at, token)
	if key, err := base64.StdEncoding.DecodeString(aesKey + "="); err != nil || len(key) != 32 {
		p.add(at+"aes_key", "应是后台“消息加解密密钥 EncodingAESKey”的 43 个字符")
	}
}

func (p *checks) token(at, token string) {
	if !callbackToken.MatchString(token) {
		p.add(at+"token", "必填，和后台“令牌 Token”一致，不含空格")
	}
}
