package demo

import (
	"fmt"
	"math/rand/v2"

	"github.com/koi-scrm/koi/channels/simulator"
	"github.com/koi-scrm/koi/configs"
)

// The invented firm and its people. Secrets are drawn at each start: nothing here opens anything.
const (
	appID   = "wx00000000000demo1"
	corpID  = "ww00000000000demo1"
	agentID = 1000002

	customer = "oDemo-ZhouMin-0000000000001"
	external = "wmDemoZhouMin0000000000000000001"
	unionID  = "uDemo-ZhouMin"
	sales    = "wanglei"
	leader   = "zhaofang"
	sharer   = "chenjing"

	miniID       = "wx0000000000demo02"
	miniCustomer = "oDemo-Mini-ZhouMin-00000001"
	phone        = "13800000001"
	signName     = "云帆软件"

	noticeTemplate = "demo-live"
	miniTemplate   = "demo-progress"
	smsTemplate    = "SMS_DEMO_CASE"
	smsText        = "同行业客户案例已上线，欢迎到公众号里查看，拒收请回复R"
)

// world is what the simulator plays, and the same accounts as Koi is configured with them.
func world() (simulator.Config, configs.Accounts) {
	token, aes, secret, staffToken, staffAES, staffSecret := draw(20), draw(43), draw(32), draw(20), draw(43), draw(43)
	miniToken, miniAES, miniSecret, smsSecret, receipts := draw(20), draw(43), draw(32), draw(30), draw(32)
	firm := simulator.Corp{CorpID: corpID, Name: "云帆软件",
		Agents:      []simulator.Agent{{AgentID: agentID, Secret: staffSecret, Name: "锦鲤", Token: staffToken, AESKey: staffAES}},
		Departments: []simulator.Department{{ID: 1, Name: "云帆软件"}, {ID: 2, Name: "销售部", Parent: 1}, {ID: 3, Name: "市场部", Parent: 1}},
		Staff: []simulator.Staff{
			{UserID: leader, Name: "赵芳", Position: "销售总监", Departments: []int{2}, Leads: []int{2}},
			{UserID: sales, Name: "王磊", Position: "客户经理", Departments: []int{2}, Leaders: []string{leader}},
			{UserID: sharer, Name: "陈静", Position: "市场专员", Departments: []int{3}},
		}}
	official := simulator.Official{AppID: appID, AppSecret: secret, Name: "云帆软件", Token: token, AESKey: aes,
		Menu: []simulator.Button{{Name: buttons[0], Key: buttons[0]}, {Name: buttons[1], Key: buttons[1]}, {Name: buttons[2], Key: buttons[2]}},
		Templates: []simulator.Template{{ID: noticeTemplate, Title: "直播开始提醒", Kind: simulator.NoticeTemplate,
			Fields: []simulator.Field{{Key: "thing1", Label: "直播主题"}, {Key: "thing2", Label: "温馨提示"}}}}}
	mini := simulator.Mini{AppID: miniID, AppSecret: miniSecret, Name: "云帆助手", Token: miniToken, AESKey: miniAES,
		Templates: []simulator.Template{{ID: miniTemplate, Title: "申请进度提醒", Fields: []simulator.Field{{Key: "thing1", Label: "申请"}, {Key: "thing2", Label: "进度"}}}}}
	const smsKey = "LTAIdemoaccesskey"
	texts := simulator.SMSAccount{AccessKeyID: smsKey, AccessKeySecret: smsSecret, Signs: []string{signName}, ReceiptToken: receipts,
		Templates: []simulator.SMSTemplate{{Code: smsTemplate, Name: "新案例上线", Kind: "marketing", Content: smsText}}}
	people := []simulator.Person{{Name: "周敏", UnionID: unionID, Phone: phone,
		Minis:    []simulator.MiniUser{{AppID: miniID, OpenID: miniCustomer}},
		Follows:  []simulator.Follow{{AppID: appID, OpenID: customer, Known: true}},
		Contacts: []simulator.Contact{{CorpID: corpID, ExternalUserID: external}}}}
	for i := range crowd {
		people = append(people, simulator.Person{Name: crowdName(i), Follows: []simulator.Follow{{AppID: appID, OpenID: crowdID(i), Known: true}}})
	}
	return simulator.Config{Officials: []simulator.Official{official}, Minis: []simulator.Mini{mini}, Corps: []simulator.Corp{firm}, SMS: []simulator.SMSAccount{texts}, People: people},
		configs.Accounts{
			Official: []configs.WeChatAccount{{AppID: appID, AppSecret: secret, Token: token, AESKey: aes, Name: "云帆软件", Mode: "aes"}},
			Mini:     []configs.WeChatAccount{{AppID: miniID, AppSecret: miniSecret, Token: miniToken, AESKey: miniAES, Name: "云帆助手", Mode: "aes"}},
			SMS:      []configs.SMSAccount{{AccessKeyID: smsKey, AccessKeySecret: smsSecret, SignName: signName, ReceiptToken: receipts}},
			WeCom:    []configs.WeComAccount{{CorpID: corpID, AgentID: agentID, AgentSecret: staffSecret, Token: staffToken, AESKey: staffAES, Name: "锦鲤"}},
		}
}

// crowd is how many further people the account has.
const crowd = 30

func crowdID(i int) string { return fmt.Sprintf("oDemo-Crowd-%015d", i) }

func crowdName(i int) string {
	family, given := []rune("李王张刘陈杨赵黄周吴"), []rune("伟芳娜敏静丽强磊军洋")
	return string([]rune{family[i%len(family)], given[(i/len(family)+i)%len(given)]})
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// draw makes a secret for the simulated platform; nobody outside this process accepts it.
func draw(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[rand.IntN(len(letters))]
	}
	return string(b)
}
