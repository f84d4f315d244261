package demo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/koi-scrm/koi/channels/simulator"
	"github.com/koi-scrm/koi/configs"
)

// china is the invented firm's time zone.
var china = time.FixedZone("Asia/Shanghai", 8*3600)

// Those beside 周敏 whom her link reaches.
const (
	friend      = "oDemo-LiQiang-000000000001"
	friendUnion = "uDemo-LiQiang"
	second      = "oDemo-ZhangWei-00000000001"
	secondUnion = "uDemo-ZhangWei"
)

// firm is the whole invented firm: world's accounts and leading persons, 25 people of staff, and everybody
// of the past.
func firm(p past) (simulator.Config, configs.Accounts) {
	played, accounts := world()
	corp := &played.Corps[0]
	corp.Departments = []simulator.Department{{ID: 1, Name: "云帆软件"}, {ID: 2, Name: "销售部", Parent: 1}, {ID: 3, Name: "市场部", Parent: 1}, {ID: 4, Name: "客户成功部", Parent: 1}}
	corp.Staff = nil
	for _, x := range posts() {
		s := simulator.Staff{UserID: x.user, Name: x.name, Position: x.position, Departments: []int{x.department}}
		if x.leads {
			s.Leads = []int{x.department}
		}
		if x.leader != "" {
			s.Leaders = []string{x.leader}
		}
		corp.Staff = append(corp.Staff, s)
	}
	known := func(openID string) []simulator.Follow {
		return []simulator.Follow{{AppID: appID, OpenID: openID, Known: true}}
	}
	played.People = append(played.People,
		simulator.Person{Name: "李强", UnionID: friendUnion, Phone: "13800000002", Follows: known(friend)},
		simulator.Person{Name: "张薇", UnionID: secondUnion, Phone: "13800000003", Follows: known(second)})
	p.inhabit(&played)
	return played, accounts
}

// boot is the file the server is started with: the invented accounts, and nothing that leads out of this
// machine.
func boot(dir, listen, public, platforms string, accounts configs.Accounts) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# 由 koi demo 生成：账号都是模拟的")
	line("listen: %q", listen)
	line("public_url: %q", public)
	line("data_dir: %q", dir)
	line("log: {level: warn}")
	line("channels:")
	line("  wechat: {base_url: %q}", platforms)
	line("  wecom: {base_url: %q, oauth_url: %q}", platforms, platforms)
	line("  aliyun_sms: {base_url: %q}", platforms)
	line("accounts:")
	for _, kind := range []struct {
		name string
		list []configs.WeChatAccount
	}{{"official", accounts.Official}, {"mini", accounts.Mini}} {
		line("  %s:", kind.name)
		for _, a := range kind.list {
			line("    - {app_id: %q, app_secret: %q, token: %q, aes_key: %q, name: %q, mode: %q}", a.AppID, a.AppSecret, a.Token, a.AESKey, a.Name, a.Mode)
		}
	}
	line("  wecom:")
	for _, a := range accounts.WeCom {
		line("    - {corp_id: %q, agent_id: %d, agent_secret: %q, token: %q, aes_key: %q, name: %q}", a.CorpID, a.AgentID, a.AgentSecret, a.Token, a.AESKey, a.Name)
	}
	line("  sms:")
	for _, a := range accounts.SMS {
		line("    - {access_key_id: %q, access_key_secret: %q, sign_name: %q, receipt_token: %q}", a.AccessKeyID, a.AccessKeySecret, a.SignName, a.ReceiptToken)
	}
	return os.WriteFile(filepath.Join(dir, bootFile), []byte(b.String()), 0o600)
}

const (
	bootFile  = "koi.yaml"
	clockFile = "clock.json"
)
