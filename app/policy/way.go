package policy

// Risk is how far a template may go before the platform calls it marketing and bans it, or the account
// with it (模板消息不得营销).
type Risk string

// The risk classes of templates.
const (
	Low    Risk = "low"    // the result of the person's own act
	Medium Risk = "medium" // a notice they may expect: not at night, and seldom
	High   Risk = "high"   // looks like marketing: it does not go
)

// Label is the class's Chinese name.
func (r Risk) Label() string {
	switch r {
	case Low:
		return "低：本人操作的结果"
	case Medium:
		return "中：通知提醒"
	case High:
		return "高：像营销"
	}
	return string(r)
}

// Risks lists every class.
func Risks() []Risk { return []Risk{Low, Medium, High} }

// The kinds of SMS, as reviewed by Aliyun (验证码, 通知, 推广).
const (
	SMSCode      = "code"
	SMSNotice    = "notice"
	SMSMarketing = "marketing"
)

// Templated reports whether the channel sends by templates the platform keeps per account.
func (c Channel) Templated() bool {
	return c == OfficialTemplate || c == OfficialNotice || c == OfficialOnce || c == MiniSubscribe
}

// Subscribed reports whether the channel needs a subscription answer of the person for each template.
func (c Channel) Subscribed() bool {
	return c == OfficialNotice || c == OfficialOnce || c == MiniSubscribe
}

// follows reports whether the platform delivers on the channel only to followers. Subscription messages
// reach also who never followed.
func (c Channel) follows() bool { return c == OfficialKF || c == OfficialTemplate }

// risk is the message's class of risk. A template message nobody classified counts as a notice, unless it
// answers what the person just did; a subscription message was asked for, one by one.
func (m *Message) risk() Risk {
	switch {
	case !m.Channel.Templated():
		return ""
	case m.Risk != "":
		return m.Risk
	case m.Class == Reply || m.Channel.Subscribed():
		return Low
	}
	return Medium
}

// forbidden is why a message may go to nobody.
func (m *Message) forbidden() Reason {
	switch {
	case m.risk() == High, m.Channel == OfficialTemplate && m.Class == Marketing:
		return TemplateRisky
	case m.Channel == SMS && m.Class == Marketing && m.Kind != SMSMarketing:
		return SMSKind
	}
	return ""
}

// unwanted is why a person's word keeps a message back. Service messages and verification codes are their
// own business and need none; 推广短信 need that it was given, the rest of marketing that it was not taken
// back.
func (m *Message) unwanted(c Consent) Reason {
	if !m.marketing() || m.Test || m.Channel == WeComApp || m.Channel == Webhook {
		return ""
	}
	switch {
	case c == Unsubscribed:
		return OptedOut
	case c == Withdrawn:
		return ConsentWithdrawn
	case c == NotAsked && m.Channel == SMS:
		return ConsentMissing
	}
	return ""
}

// closed is why the way to a person is shut, apart from the customer-service window.
func (m *Message) closed(r Reach) Reason {
	switch {
	case r.TemplateOff:
		return TemplateDisabled
	case m.Channel == SMS && r.NumberDead:
		return NumberInvalid
	case m.Channel.follows() && (r.Following == Left || r.Window.ClosedBy == Unfollowed),
		// The platform would still deliver what they once subscribed to; who left does not want marketing.
		m.Channel.Subscribed() && m.Channel != MiniSubscribe && m.marketing() && r.Following == Left:
		return NotFollowing
	case m.Channel != OfficialKF && m.Channel.Templated() && r.Window.ClosedBy == Rejected:
		return Unreachable
	case m.Channel.Subscribed() && !m.Counted && r.Balance.Rejected:
		return SubscriptionRefused
	case m.Channel.Subscribed() && !m.Counted && r.Balance.Left <= 0 && !r.Balance.LongTerm:
		return NotSubscribed
	}
	return ""
}
