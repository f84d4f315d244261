// Package configs is the boot configuration: the YAML file, its environment overrides, their defaults
// and checks. It holds what must be known before the database opens; everything an operator changes
// while Koi runs lives in the database (app/setting, app/account).
package configs

import "time"

// Config is the whole boot configuration. The koanf tags are the keys of the file.
type Config struct {
	Listen    string    `koanf:"listen"`
	PublicURL string    `koanf:"public_url"`
	DataDir   string    `koanf:"data_dir"`
	Timezone  string    `koanf:"timezone"`
	Database  Database  `koanf:"database"`
	Callback  Callback  `koanf:"callback"`
	SecretKey string    `koanf:"secret_key"` // base64 of 32 bytes; empty: kept in data_dir
	Log       Log       `koanf:"log"`
	Retention Retention `koanf:"retention"`
	Channels  Channels  `koanf:"channels"`
	Accounts  Accounts  `koanf:"accounts"`
	// TrustedProxies are the reverse proxies (CIDRs) that are believed when they say where a request comes
	// from (X-Forwarded-For). Empty: those on this machine.
	TrustedProxies []string `koanf:"trusted_proxies"`

	Location *time.Location `koanf:"-"` // Timezone, loaded by Validate
}

// Database says which store is the truth.
type Database struct {
	Driver string `koanf:"driver"` // sqlite, mysql
	DSN    string `koanf:"dsn"`
}

// Callback guards the doors.
type Callback struct {
	Freshness time.Duration `koanf:"freshness"`
}

// Log is what Koi says of itself on stderr.
type Log struct {
	Level  string `koanf:"level"`
	Format string `koanf:"format"`
}

// Retention is how long rows are kept; see design: log rows after processing, dead letters, timeline, seen keys.
type Retention struct {
	Log         time.Duration `koanf:"log"`
	DeadLetters time.Duration `koanf:"dead_letters"`
	Events      time.Duration `koanf:"events"`
	Seen        time.Duration `koanf:"seen"`
	Audit       time.Duration `koanf:"audit"`
}

// Channels are the platforms' addresses.
type Channels struct {
	WeChat    Endpoint `koanf:"wechat"`
	WeCom     WeCom    `koanf:"wecom"`
	AliyunSMS Endpoint `koanf:"aliyun_sms"`
	SMTP      SMTP     `koanf:"smtp"`
	Webhook   Webhook  `koanf:"webhook"`
}

// Webhook says where deliveries to other systems may go besides the internet.
type Webhook struct {
	Allow []string `koanf:"allow"` // networks, as 10.2.0.0/16 or 10.2.3.4
}

// Endpoint is one platform's base address.
type Endpoint struct {
	BaseURL string `koanf:"base_url"`
}

// WeCom is where WeCom is.
type WeCom struct {
	BaseURL string `koanf:"base_url"`
	// OAuthURL is where its authorize page is, on which staff sign in.
	OAuthURL string `koanf:"oauth_url"`
}

// SMTP is the mail relay.
type SMTP struct {
	Host     string `koanf:"host"`
	Port     int    `koanf:"port"`
	User     string `koanf:"user"`
	Password string `koanf:"password"`
	From     string `koanf:"from"`
}

// Accounts are the platform accounts given in the file; more may be added in the console.
type Accounts struct {
	Official []WeChatAccount `koanf:"official"`
	Mini     []WeChatAccount `koanf:"mini"`
	WeCom    []WeComAccount  `koanf:"wecom"`
	SMS      []SMSAccount    `koanf:"sms"`
}

// WeChatAccount is an official account or a mini-program.
type WeChatAccount struct {
	AppID     string `koanf:"app_id"`
	AppSecret string `koanf:"app_secret"`
	Token     string `koanf:"token"`
	AESKey    string `koanf:"aes_key"`
	Name      string `koanf:"name"`
	Mode      string `koanf:"mode"` // aes (default), compat, plain
}

// WeComAccount is one self-built app of a corp.
type WeComAccount struct {
	CorpID        string `koanf:"corp_id"`
	AgentID       int    `koanf:"agent_id"`
	AgentSecret   string `koanf:"agent_secret"`
	ContactSecret string `koanf:"contact_secret"` // only corps older than 2023-12 have one
	Token         string `koanf:"token"`
	AESKey        string `koanf:"aes_key"`
	Name          string `koanf:"name"`
}

// SMSAccount is an Aliyun SMS signature.
type SMSAccount struct {
	AccessKeyID     string `koanf:"access_key_id"`
	AccessKeySecret string `koanf:"access_key_secret"`
	SignName        string `koanf:"sign_name"`
	ReceiptToken    string `koanf:"receipt_token"`
}
