package apptest

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/httpapi"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/policy"
	"github.com/koi-scrm/koi/channels/simulator"
	"github.com/koi-scrm/koi/configs"
)

// told wants the trial's message to be in a state for a reason, and the API to say in Chinese what happened,
// why, and what comes next.
func (x *trial) told(state outbox.State, why policy.Reason) httpapi.MessageDetail {
	x.t.Helper()
	m := x.until(state, why)
	for _, sentence := range []string{m.Explanation.What, m.Explanation.Why, m.Explanation.Next} {
		require.Regexp(x.t, `\p{Han}`, sentence, "%+v", m)
	}
	return m
}

// caused is told for a message that something elsewhere causes, which opens no window.
func (x *trial) caused(state outbox.State, why policy.Reason) httpapi.MessageDetail {
	x.t.Helper()
	x.clock.Advance(time.Second)
	x.again(state, why)
	if why == "" {
		return x.until(state, "")
	}
	return x.told(state, why)
}

// reach is what the API says of a channel to a person, and whether a message of a class could go.
func (x *trial) reach(contactID int64, channel outbox.Channel) (httpapi.Reach, httpapi.Way) {
	x.t.Helper()
	var r httpapi.Reach
	require.Equal(x.t, http.StatusOK, x.API("GET", fmt.Sprintf("/contacts/%d/reach", contactID), nil, &r))
	for _, w := range r.Ways {
		if w.Channel == string(channel) {
			return r, w
		}
	}
	x.t.Fatalf("nothing is said of %s", channel)
	return r, httpapi.Way{}
}

// shut wants a verdict to be no, with why and what comes next.
func (x *trial) shut(v httpapi.Verdict, why policy.Reason) {
	x.t.Helper()
	require.False(x.t, v.Open)
	require.Equal(x.t, string(why), v.Reason)
	for _, sentence := range []string{v.ReasonLabel, v.What, v.Next} {
		require.Regexp(x.t, `\p{Han}`, sentence)
	}
}

// As a new user would try it: spend a window by really sending until it is used up, exhaust the platform's
// quota, break the platform, unfollow, reply R. Each time the message and the person's page say what
// happened, why, and what comes next; and what phones got is what Koi says it sent.
func TestDone_each_way_that_closes_says_what_happened_why_and_what_comes_next(t *testing.T) {
	t.Parallel()
	dbtest.RunConfig(t, func(t *testing.T, store db.Config) {
		t.Parallel()
		clk := clock.NewManual(noon)
		world := World(1)
		world.People = []simulator.Person{{Name: "读者", Follows: []simulator.Follow{{AppID: AppID, OpenID: reader}}}}
		// The platform's own windows, and a day's quota that this story uses up.
		world.Quotas = map[string]int{"*": -1, "oa.kf.message": 5, "oa.kf.action": 3, "oa.kf": 6}
		world.SMS = []simulator.SMSAccount{{AccessKeyID: "LTAIapptest", AccessKeySecret: appSecret, Signs: []string{smsSign}, ReceiptToken: "receipts-0123456789abcdef",
			Templates: []simulator.SMSTemplate{{Code: "SMS_PAID", Kind: "notice", Content: "${name}您好，订单已支付。"}, {Code: "SMS_SALE", Kind: "marketing", Content: "新版已上线，拒收请回复R"}}}}
		x := &trial{t: t, clock: clk, way: kfWay}
		x.Koi = Start(t, Options{Store: store, Clock: clk, World: &world, Configure: func(c *configs.Config) {
			c.Accounts.SMS = []configs.SMSAccount{{AccessKeyID: "LTAIapptest", AccessKeySecret: appSecret, SignName: smsSign, ReceiptToken: "receipts-0123456789abcdef"}}
			c.Channels.AliyunSMS.BaseURL = c.Channels.WeChat.BaseURL
		}})
		require.Equal(t, http.StatusOK, x.API("POST", "/sms-templates/refresh", nil, nil))
		x.Apply(kfWay.bundle)
		x.Apply(smsBundle)
		kf := func() int { return len(x.Sim.Deliveries(simulator.DeliveryFilter{Account: AppID})) }

		// A window, spent: five messages for what they wrote, and the sixth is not even tried.
		x.Act(kfWay.cause)
		x.id = x.newest()
		x.until(outbox.Accepted, "")
		who := x.person(event.KindOpenID, AppID, reader).ID
		for n := 4; n > 0; n-- {
			r, seen := x.reach(who, outbox.OfficialKF)
			require.True(t, seen.Service.Open)
			require.Equal(t, n, r.Windows[0].Left)
			x.caused(outbox.Accepted, "")
		}
		require.Equal(t, 5, kf())
		calls := x.Sim.CallCount(kfWay.path)
		x.caused(outbox.Suppressed, policy.WindowUsedUp)
		require.Equal(t, calls, x.Sim.CallCount(kfWay.path))
		r, seen := x.reach(who, outbox.OfficialKF)
		x.shut(seen.Service, policy.WindowUsedUp)
		require.Zero(t, r.Windows[0].Left)
		x.clock.Advance(time.Minute)
		x.Act(kfWay.cause) // what comes next: they write again
		x.id = x.newest()
		x.until(outbox.Accepted, "")
		require.Equal(t, 6, kf())

		// A quota, exhausted: the platform refuses the seventh; it waits for midnight, and so do those after it.
		m := x.caused(outbox.Waiting, policy.Paused)
		require.Equal(t, 45009, m.Code)
		require.NotNil(t, m.DueAt)
		first := x.id
		_, seen = x.reach(who, outbox.OfficialKF)
		x.shut(seen.Service, policy.Paused)
		require.Equal(t, 24, seen.Service.Until.In(noon.Location()).Add(-time.Hour).Hour()+1, "midnight")
		calls = x.Sim.CallCount(kfWay.path)
		x.caused(outbox.Waiting, policy.Paused)
		require.Equal(t, calls, x.Sim.CallCount(kfWay.path), "nobody asks again before that")
		x.clock.Advance(untilMidnight)
		x.until(outbox.Accepted, "")
		x.id, first = first, x.id
		x.until(outbox.Accepted, "")
		x.id = first
		require.Equal(t, 8, kf())

		// The platform, broken. Where nobody can know whether the message arrived, it is not sent again, and
		// an operator settles it.
		require.NoError(t, x.Sim.Misbehave(simulator.Misbehaviour{Path: kfWay.path, Status: http.StatusBadGateway}))
		x.caused(outbox.Doubtful, outbox.ReasonUnsure)
		require.Equal(t, http.StatusOK, x.API("POST", "/messages/"+x.id+"/settle", map[string]any{"outcome": "sent"}, nil))
		x.until(outbox.Accepted, "")
		require.Equal(t, 8, kf())
		// Where it surely did not, it goes when the platform is back.
		require.NoError(t, x.Sim.Misbehave(simulator.Misbehaviour{Path: stableToken, Status: http.StatusBadGateway, Times: 2}))
		x.Sim.ExpireTokens(AppID)
		x.caused(outbox.Waiting, outbox.ReasonRetrying)
		x.Sim.Behave()
		x.clock.Advance(time.Minute)
		x.until(outbox.Accepted, "")
		require.Equal(t, 9, kf())

		// They leave.
		x.Act(simulator.Act{Who: reader, App: AppID, Do: "unfollow"})
		x.caused(outbox.Suppressed, policy.NotFollowing)
		_, seen = x.reach(who, outbox.OfficialKF)
		x.shut(seen.Service, policy.NotFollowing)
		x.Act(simulator.Act{Who: reader, App: AppID, Do: "follow"})
		_, seen = x.reach(who, outbox.OfficialKF)
		require.True(t, seen.Service.Open, "%+v", seen.Service)

		// R: no marketing by SMS any more, their own business still.
		x.way, x.id = way{channel: outbox.SMS, path: "SendSms"}, ""
		x.clock.Advance(noon.Add(24 * time.Hour).Sub(x.clock.Now())) // neither night nor Sunday
		x.happens("order.paid")
		x.until(outbox.Delivered, "")
		buyer := x.person(event.KindPhone, "", smsPerson).ID
		require.Equal(t, http.StatusCreated, x.API("POST", fmt.Sprintf("/contacts/%d/consents", buyer), map[string]any{"purpose": "marketing_sms", "granted": true, "version": "2026-11", "source": "官网表单"}, nil))
		_, seen = x.reach(buyer, outbox.SMS)
		require.True(t, seen.Marketing.Open, "%+v", seen.Marketing)
		x.Act(simulator.Act{Who: smsPerson, App: smsSign, Do: "reply_sms", With: "R"})
		x.happens("order.placed")
		x.told(outbox.Suppressed, policy.OptedOut)
		_, seen = x.reach(buyer, outbox.SMS)
		x.shut(seen.Marketing, policy.OptedOut)
		require.True(t, seen.Service.Open)
		x.happens("order.paid")
		x.until(outbox.Delivered, "")
		x.texted(2)
	})
}
