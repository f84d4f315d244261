package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/channels/simulator"
	"github.com/koi-scrm/koi/configs"
)

// simulateFlags are what `koi simulate` was told.
type simulateFlags struct {
	listen    string
	world     string
	callback  string
	fromKoi   bool
	print     bool
	unlimited bool
	strangers bool
	history   int
	quotas    []string
}

func simulateCommand() *cobra.Command {
	var f simulateFlags
	c := &cobra.Command{
		Use:   "simulate",
		Short: "单独启动平台模拟器：本机上的微信、企业微信和虚拟手机",
		Long: `在本机扮演 api.weixin.qq.com 与 qyapi.weixin.qq.com：按平台的规则校验参数与额度、返回同样的错误码，
把人的动作作为加密回调推给 Koi。浏览器打开 /sim/ 可以看到虚拟手机。

把 Koi 的 channels.wechat.base_url、channels.wecom.base_url 与 oauth_url 指向它即可离线联调；
koi simulate --print-koi-config 会打印一份可直接使用的 koi.yaml。`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return simulate(c.Context(), c.OutOrStdout(), c.ErrOrStderr(), f)
		},
	}
	c.Flags().StringVar(&f.listen, "listen", "127.0.0.1:8090", "监听地址，只能是本机")
	c.Flags().StringVar(&f.world, "world", "", "世界文件（YAML）：账号、员工、粉丝、客户；默认用内置的示例")
	c.Flags().StringVar(&f.callback, "callback", "http://127.0.0.1:8080", "Koi 的地址；没写 callback_url 的账号回调到这里")
	c.Flags().BoolVar(&f.fromKoi, "accounts-from-koi", false, "账号取自 Koi 的配置（--config），员工用内置的示例")
	c.Flags().BoolVar(&f.print, "print-koi-config", false, "打印与之配套的 koi.yaml，不启动")
	c.Flags().BoolVar(&f.unlimited, "unlimited", false, "取消全部额度（压测用）")
	c.Flags().StringArrayVar(&f.quotas, "quota", nil, "改一个额度，如 oa.kf=100，-1 为不限；可重复")
	c.Flags().BoolVar(&f.strangers, "accept-strangers", false, "接受发给未知粉丝和员工的消息（压测用）")
	c.Flags().IntVar(&f.history, "history", 0, "完整保留最近多少条调用、送达和回调（默认 10000）")
	c.MarkFlagsMutuallyExclusive("world", "accounts-from-koi")
	return c
}

// simulate runs until ctx ends.
func simulate(ctx context.Context, stdout, stderr io.Writer, f simulateFlags) error {
	cfg, err := f.config()
	if err != nil {
		return err
	}
	cfg.PointAt(f.callback)
	cfg.Log = slog.New(slog.NewTextHandler(stderr, nil))
	s, err := simulator.New(cfg)
	if err != nil {
		return err
	}
	if f.print {
		return koiConfig.Execute(stdout, map[string]any{"URL": "http://" + f.listen, "Officials": cfg.Officials, "Minis": cfg.Minis, "SMS": cfg.SMS, "Corps": cfg.Corps})
	}
	if err := s.Start(ctx, f.listen); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "平台模拟器在 %s\n虚拟手机在 %s/sim/\n回调推到 %s\n", s.URL(), s.URL(), f.callback)
	<-ctx.Done()
	s.Close()
	return nil
}

// config is the world as the flags ask for it.
func (f simulateFlags) config() (simulator.Config, error) {
	cfg := simulator.Sample()
	switch {
	case f.world != "":
		text, err := os.ReadFile(f.world)
		if err != nil {
			return cfg, fault.Wrap(err, fault.Invalid, "读不了世界文件 %s", f.world)
		}
		if cfg, err = simulator.ReadConfig(text); err != nil {
			return cfg, err
		}
	case f.fromKoi:
		koi, err := configs.Load(configFile, os.Environ())
		if err != nil {
			return cfg, err
		}
		if cfg, err = worldOf(koi.Accounts); err != nil {
			return cfg, err
		}
	}
	if f.unlimited || len(f.quotas) > 0 {
		quotas := map[string]int{}
		for name, n := range cfg.Quotas {
			quotas[name] = n
		}
		if f.unlimited {
			quotas["*"] = -1
		}
		for _, q := range f.quotas {
			name, limit, _ := strings.Cut(q, "=")
			n, err := strconv.Atoi(limit)
			if err != nil {
				return cfg, usageError{fmt.Errorf("--quota 应形如 oa.kf=100，不能是 %q", q)}
			}
			quotas[name] = n
		}
		cfg.Quotas = quotas
	}
	cfg.AcceptStrangers = cfg.AcceptStrangers || f.strangers
	if f.history > 0 {
		cfg.History = f.history
	}
	return cfg, nil
}

// worldOf gives Koi's own accounts the staff of the sample; people come as they act.
func worldOf(accounts configs.Accounts) (simulator.Config, error) {
	if len(accounts.Official)+len(accounts.Mini)+len(accounts.WeCom)+len(accounts.SMS) == 0 {
		return simulator.Config{}, fault.New(fault.Invalid, "Koi 的配置里没有平台账号，请先填写 accounts，或去掉 --accounts-from-koi")
	}
	sample := simulator.Sample()
	var cfg simulator.Config
	for _, o := range accounts.Official {
		cfg.Officials = append(cfg.Officials, simulator.Official{AppID: o.AppID, AppSecret: o.AppSecret, Name: o.Name,
			Token: o.Token, AESKey: o.AESKey, Mode: o.Mode, Menu: sample.Officials[0].Menu})
	}
	for _, m := range accounts.Mini {
		cfg.Minis = append(cfg.Minis, simulator.Mini{AppID: m.AppID, AppSecret: m.AppSecret, Name: m.Name, Token: m.Token, AESKey: m.AESKey, Mode: m.Mode})
	}
	keys := map[string]int{} // several signatures of one AccessKey are one account there
	for _, a := range accounts.SMS {
		i, known := keys[a.AccessKeyID]
		if !known {
			i = len(cfg.SMS)
			keys[a.AccessKeyID] = i
			cfg.SMS = append(cfg.SMS, simulator.SMSAccount{AccessKeyID: a.AccessKeyID, AccessKeySecret: a.AccessKeySecret, ReceiptToken: a.ReceiptToken})
		}
		cfg.SMS[i].Signs = append(cfg.SMS[i].Signs, a.SignName)
	}
	corps := map[string]int{}
	for _, a := range accounts.WeCom {
		i, known := corps[a.CorpID]
		if !known {
			i = len(cfg.Corps)
			corps[a.CorpID] = i
			cfg.Corps = append(cfg.Corps, simulator.Corp{CorpID: a.CorpID, ContactSecret: a.ContactSecret,
				Departments: sample.Corps[0].Departments, Staff: sample.Corps[0].Staff})
		}
		cfg.Corps[i].Agents = append(cfg.Corps[i].Agents, simulator.Agent{AgentID: a.AgentID, Secret: a.AgentSecret, Name: a.Name,
			Token: a.Token, AESKey: a.AESKey})
	}
	return cfg, nil
}

// koiConfig is the part of koi.yaml that makes Koi talk to the simulator.
var koiConfig = template.Must(template.New("koi.yaml").Parse(`# 与平台模拟器配套；换成真实账号时只改地址和凭证
channels:
  wechat:
    base_url: {{.URL}}
  wecom:
    base_url: {{.URL}}
    oauth_url: {{.URL}}
{{- if .SMS}}
  aliyun_sms:
    base_url: {{.URL}}
{{- end}}
accounts:
{{- if .Officials}}
  official:
{{- range .Officials}}
    - app_id: {{printf "%q" .AppID}}
      app_secret: {{printf "%q" .AppSecret}}
      token: {{printf "%q" .Token}}
      aes_key: {{printf "%q" .AESKey}}
      name: {{printf "%q" .Name}}
{{- if .Mode}}
      mode: {{.Mode}}
{{- end}}
{{- end}}
{{- end}}
{{- if .Minis}}
  mini:
{{- range .Minis}}
    - app_id: {{printf "%q" .AppID}}
      app_secret: {{printf "%q" .AppSecret}}
      token: {{printf "%q" .Token}}
      aes_key: {{printf "%q" .AESKey}}
      name: {{printf "%q" .Name}}
{{- if .Mode}}
      mode: {{.Mode}}
{{- end}}
{{- end}}
{{- end}}
{{- if .SMS}}
  sms:
{{- range .SMS}}{{$sms := .}}{{range .Signs}}
    - access_key_id: {{printf "%q" $sms.AccessKeyID}}
      access_key_secret: {{printf "%q" $sms.AccessKeySecret}}
      sign_name: {{printf "%q" .}}
      receipt_token: {{printf "%q" $sms.ReceiptToken}}
{{- end}}{{end}}
{{- end}}
{{- if .Corps}}
  wecom:
{{- range .Corps}}{{$corp := .}}{{range .Agents}}
    - corp_id: {{printf "%q" $corp.CorpID}}
      agent_id: {{.AgentID}}
      agent_secret: {{printf "%q" .Secret}}
{{- if $corp.ContactSecret}}
      contact_secret: {{printf "%q" $corp.ContactSecret}}
{{- end}}
      token: {{printf "%q" .Token}}
      aes_key: {{printf "%q" .AESKey}}
      name: {{printf "%q" .Name}}
{{- end}}{{end}}
{{- end}}
`))
