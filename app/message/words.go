package message

import (
	"fmt"
	"slices"
	"strings"
)

// What platforms read as advertising, or refuse in a kind of message whatever it is about. Each list stands
// by itself so that one can be changed without looking at the code (阿里云《短信签名/模板规范》,
// 《微信公众平台模板消息运营规范》).
var (
	// promotional is advertising anywhere.
	promotional = []string{
		"优惠", "促销", "打折", "折扣", "特价", "秒杀", "抽奖", "中奖", "红包", "代金券", "满减", "返现", "返利", "团购", "清仓", "大促", "特惠",
		"限时抢", "免费领", "领取福利", "低至", "立减", "买一送", "新品上市", "爆款", "会员日", "招商", "加盟",
	}
	// recruiting is what 通知短信 may not be about (document_detail/463270).
	recruiting = []string{
		"会展推广", "展会邀请", "问卷调查", "有奖调研", "用户召回", "好久不见", "拓客", "引流", "邀请注册", "邀请好友", "积分兑换", "积分商城", "医美", "整形",
	}
	// refusal is how 推广短信 end, and nothing else may.
	refusal = []string{"拒收请回复", "退订回", "回T退订", "回TD", "回复T退订"}
	// banned trades may not advertise by SMS (document_detail/91975), nor notify.
	banned = []string{"贷款", "借贷", "信用卡套现", "股票推荐", "荐股", "彩票", "博彩", "赌博", "棋牌", "代开发票", "交友", "网游"}
)

var forbidden = map[form][]string{
	{OfficialTemplate, Templated}: slices.Concat(promotional, banned),
	{SMS, Code}:                   slices.Concat(promotional, recruiting, refusal, banned),
	{SMS, Notice}:                 slices.Concat(promotional, recruiting, refusal, banned),
	{SMS, Promotional}:            banned,
}

// soft are words that make a template message look like advertising to whoever reviews it, without being it.
var soft = []string{"活动", "福利", "推荐", "邀请", "报名", "免费", "体验", "升级", "积分", "礼", "新品", "上新"}

// wrong finds what a form may not say in a text, "" when there is nothing. Blanks hide no word.
func (f form) wrong(s string) string {
	s = strings.Join(strings.Fields(s), "")
	for _, w := range forbidden[f] {
		if strings.Contains(s, w) {
			return w
		}
	}
	return ""
}

// because says why a word may not stand in a form.
func (f form) because(word string) string {
	what := f.channel.Label()
	if f.channel == SMS {
		what = f.kind.Label() + "短信"
	}
	why := "不能有营销内容，平台会驳回并处罚"
	switch {
	case slices.Contains(refusal, word):
		why = "不能带退订语，只有推广短信才带"
	case slices.Contains(banned, word):
		why = "不能发这个行业的内容"
	case f.channel == SMS && slices.Contains(promotional, word):
		why = "不能有营销内容；营销请用推广短信"
	}
	return fmt.Sprintf("里面有“%s”：%s%s", word, what, why)
}
