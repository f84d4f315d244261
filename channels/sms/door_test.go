package sms

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/lease"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/channels/simulator"
	"github.com/koi-scrm/koi/configs"
)

// house is a door on a real log.
type house struct {
	t      *testing.T
	clock  *clock.Manual
	log    *event.Log
	server *httptest.Server
	stop   func()
}

func newHouse(t *testing.T, s *db.Stores, accounts ...configs.SMSAccount) *house {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	h := &house{t: t, clock: clock.NewManual(at)}
	if len(accounts) == 0 {
		accounts = []configs.SMSAccount{{AccessKeyID: keyID, AccessKeySecret: keySecret, SignName: sign, ReceiptToken: receiptToken}}
	}
	keys, err := secret.New(make([]byte, secret.MasterSize))
	require.NoError(t, err)
	reg := prometheus.NewRegistry()
	appending := lease.New(s.Log, "append", "node")
	require.NoError(t, appending.Acquire(t.Context()))
	h.log = event.NewLog(s.Log, appending, keys, h.clock, &event.Counter{}, reg)
	require.NoError(t, h.log.Load(t.Context()))
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() { defer close(done); _ = h.log.Run(ctx) }()
	h.stop = func() { cancel(); <-done }
	t.Cleanup(h.stop)
	engine := gin.New()
	NewDoor(account.New(s, keys, h.clock, configs.Accounts{SMS: accounts}), h.log, h.clock, reg).Register(engine)
	h.server = httptest.NewServer(engine)
	t.Cleanup(h.server.Close)
	return h
}

type said struct {
	Code int
	Msg  string
}

func (h *house) post(path, body string) (int, said) {
	h.t.Helper()
	resp, err := http.Post(h.server.URL+"/callback/sms/aliyun/"+path, "application/json", strings.NewReader(body))
	require.NoError(h.t, err)
	defer resp.Body.Close()
	var s said
	require.NoError(h.t, json.NewDecoder(resp.Body).Decode(&s))
	require.Contains(h.t, resp.Header.Get("Content-Type"), "application/json")
	return resp.StatusCode, s
}

// events are all the log holds, oldest first.
func (h *house) events() []*event.Event {
	h.t.Helper()
	var out []*event.Event
	for _, lane := range []event.Lane{event.Priority, event.Normal} {
		var after int64
		for {
			page, _, err := h.log.Read(h.t.Context(), lane, after, 1000)
			require.NoError(h.t, err)
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				out, after = append(out, e), e.Seq
			}
		}
	}
	return out
}

const receipt = `[{"phone_number":"13800000001","send_time":"2026-11-23 10:29:50","report_time":"2026-11-23 10:29:58","success":true,` +
	`"err_code":"DELIVERED","err_msg":"用户接收成功","sms_size":"2","biz_id":"9876^0","out_id":"42"},` +
	`{"phone_number":"13800000002","report_time":"2026-11-23 10:29:59","success":false,"err_code":"MK:0001","err_msg":"空号","sms_size":1,"biz_id":"9877^0","out_id":"43"}]`

func TestDoor_appends_receipts_without_a_person(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		h := newHouse(t, s)
		status, answer := h.post(receiptToken+"/report", receipt)
		require.Equal(t, 200, status)
		require.Equal(t, said{0, "成功"}, answer)
		list := h.events()
		require.Len(t, list, 2)
		ok, bad := list[0], list[1]
		require.Equal(t, event.MessageDelivered, ok.Type)
		require.Equal(t, "sms", ok.Source)
		require.Equal(t, sign, ok.Account)
		require.Empty(t, ok.Identities)
		require.Equal(t, "9876^0", ok.Props.Str("platform_id"))
		require.Equal(t, "42", ok.Props.Str("out_id"))
		require.EqualValues(t, 2, ok.Props.Int("segments"))
		require.Equal(t, time.Date(2026, 11, 23, 10, 29, 58, 0, china).UnixMilli(), ok.OccurredAt)
		require.Equal(t, event.MessageFailed, bad.Type)
		require.Equal(t, "MK:0001", bad.Props.Str("err_code"))
		require.Contains(t, bad.Props.Str("reason"), "空号")
		for _, e := range list {
			raw, err := e.Marshal()
			require.NoError(t, err)
			require.NotContains(t, string(raw), "1380000000", "a number has no place in a receipt")
		}
	})
}

func TestDoor_takes_repeats_and_contradictions_once(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		h := newHouse(t, s)
		for range 3 {
			status, _ := h.post(receiptToken+"/report", receipt)
			require.Equal(t, 200, status)
		}
		status, _ := h.post(receiptToken+"/report", strings.ReplaceAll(receipt, `"success":true`, `"success":false`))
		require.Equal(t, 200, status)
		require.Len(t, h.events(), 2)
		for range 2 {
			status, _ = h.post(receiptToken+"/up", `[{"phone_number":"13800000001","content":"好的","sequence_id":"77","send_time":"2026-11-23 10:29:58","dest_code":"1069"}]`)
			require.Equal(t, 200, status)
		}
		require.Len(t, h.events(), 3)
	})
}

func TestDoor_takes_ten_thousand_receipts_in_one_array(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		h := newHouse(t, s)
		const n = 10_000
		var b strings.Builder
		for i := range n {
			b.WriteString(map[bool]string{true: "[", false: ","}[i == 0])
			fmt.Fprintf(&b, `{"phone_number":"139%08d","send_time":"2026-11-23 10:29:50","report_time":"2026-11-23 10:29:58","success":true,`+
				`"err_code":"DELIVERED","err_msg":"用户接收成功，这里是一段比较长的说明文字","sms_size":"1","biz_id":"987654321098765432^%d","out_id":"%d"}`, i, i, 7_000_000_000_000_000_000+i)
		}
		b.WriteString("]")
		require.Greater(t, b.Len(), 2<<20)
		// On a slow disk it takes more than one push: what is not durable in time is refused and comes again.
		tries := 0
		for {
			tries++
			began := time.Now()
			status, _ := h.post(receiptToken+"/report", b.String())
			t.Logf("try %d: %d after %v", tries, status, time.Since(began))
			if status == 200 {
				break
			}
			require.Equal(t, 503, status)
			require.Less(t, tries, 20)
		}
		require.Len(t, h.events(), n)
	})
}

func TestDoor_refuses_strangers_and_what_is_no_array(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		h := newHouse(t, s, configs.SMSAccount{AccessKeyID: keyID, AccessKeySecret: keySecret, SignName: sign, ReceiptToken: receiptToken},
			configs.SMSAccount{AccessKeyID: "LTAIother", AccessKeySecret: keySecret, SignName: "无回执"})
		for _, x := range []struct {
			path, body string
			status     int
		}{
			{"guess/report", receipt, 404},
			{receiptToken[1:] + "/report", receipt, 404},
			{receiptToken + "/report", ``, 400},
			{receiptToken + "/report", `{"success":true}`, 400},
			{receiptToken + "/report", `[{"biz_id":"1"`, 400},
			{receiptToken + "/report", `[] []`, 400},
			{receiptToken + "/report", `[,]`, 400},
			{receiptToken + "/up", `"R"`, 400},
			{receiptToken + "/report", "[" + strings.Repeat(" ", maxBody) + "]", 413},
			{receiptToken + "/report", `[]`, 200},
		} {
			status, answer := h.post(x.path, x.body)
			require.Equal(t, x.status, status, x.path)
			require.Equal(t, x.status != 200, answer.Code == x.status, "Aliyun comes again unless the code is 0")
			require.NotEmpty(t, answer.Msg)
		}
		require.Empty(t, h.events())
		resp, err := http.Post(h.server.URL+"/callback/sms/aliyun//report", "application/json", strings.NewReader(receipt))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.NotEqual(t, 200, resp.StatusCode, "an account without a token has no address")
	})
}

func TestDoor_skips_what_it_cannot_read_and_keeps_the_rest(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		h := newHouse(t, s)
		status, _ := h.post(receiptToken+"/report", `[1,null,"x",{"biz_id":{}},{"biz_id":"1","success":"maybe"},{"success":true},`+
			`{"biz_id":7,"success":"true","phone_number":13800000001,"report_time":"yesterday","sms_size":{"a":1}},{"biz_id":8,"success":true,"phone_number":13800000001,"unknown":[1]}]`)
		require.Equal(t, 200, status)
		list := h.events()
		require.Len(t, list, 1)
		require.Equal(t, "8", list[0].Props.Str("platform_id"))
		require.Equal(t, at.UnixMilli(), list[0].OccurredAt)
	})
}

func TestDoor_asks_to_come_again_when_the_log_is_away(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		h := newHouse(t, s)
		h.stop()
		status, answer := h.post(receiptToken+"/report", receipt)
		require.Equal(t, 503, status)
		require.Equal(t, 503, answer.Code)
	})
}

func TestDoor_tells_who_replied_and_who_wants_no_more(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		h := newHouse(t, s)
		// The new form (sequence_id text), the old one (number, with the signature) and one without an id.
		status, _ := h.post(receiptToken+"/up", `[{"phone_number":"8613800000001","content":"R","send_time":"2026-11-23 10:29:58","dest_code":"1069001","sequence_id":"1234567890"},`+
			`{"phone_number":"13800000002","content":"请问几点","send_time":"2026-11-23 10:29:59","dest_code":"1069001","sequence_id":9007199254740993,"sign_name":"锦鲤"},`+
			`{"phone_number":"13800000003","content":"td","dest_code":"1069001"},{"phone_number":"021-1234","content":"R"}]`)
		require.Equal(t, 200, status)
		var told []string
		for _, e := range h.events() {
			require.Len(t, e.Identities, 1)
			require.Equal(t, event.KindPhone, e.Identities[0].Kind)
			require.True(t, e.Identities[0].Verified)
			told = append(told, e.Type+" "+e.Identities[0].Value+" "+e.Account+" "+e.Props.Str("content")+e.Props.Str("source"))
		}
		require.Equal(t, []string{
			"message.replied 13800000001 锦鲤 R", "consent.unsubscribed 13800000001 锦鲤 sms_uplink",
			"message.replied 13800000002 锦鲤 请问几点",
			"message.replied 13800000003 锦鲤 td", "consent.unsubscribed 13800000003 锦鲤 sms_uplink",
		}, told)
		require.Equal(t, "9007199254740993", h.events()[2].Props.Str("sequence_id"), "a long number keeps its digits")
	})
}

func TestDoor_names_no_signature_where_several_share_an_address(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		h := newHouse(t, s, configs.SMSAccount{AccessKeyID: keyID, AccessKeySecret: keySecret, SignName: sign, ReceiptToken: receiptToken},
			configs.SMSAccount{AccessKeyID: keyID, AccessKeySecret: keySecret, SignName: "锦鲤会员"})
		_, _ = h.post(receiptToken+"/up", `[{"phone_number":"13800000001","content":"好","sequence_id":"1"},{"phone_number":"13800000001","content":"好","sequence_id":"2","sign_name":"锦鲤会员"}]`)
		list := h.events()
		require.Len(t, list, 2)
		require.Empty(t, list[0].Account)
		require.Equal(t, "锦鲤会员", list[1].Account)
	})
}

func TestUnsubscribes_believes_in_doubt_that_somebody_means_it(t *testing.T) {
	t.Parallel()
	for _, yes := range []string{"R", "r", " R ", "Ｒ", "r.", "“R”", "回复R", "T", "TD", "td", "N", "退订", "我要退订！", "拒收", "退", "TD退订", "取消订阅", "QX", "stop"} {
		require.True(t, unsubscribes(yes), yes)
	}
	for _, no := range []string{"", "好的", "RR", "请问R是什么", "不退订", "别退订我", "OK", "1", "RMB多少", "如果我要取消下周的预约并换成退订以外的其他活动应该怎样联系你们呢"} {
		require.False(t, unsubscribes(no), no)
	}
}

// The simulator pushes as Aliyun does; the door must understand it, and its patience must suffice.
func TestDoor_understands_the_other_side(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		h := newHouse(t, s)
		r := newRig(t, s)
		r.sim.PointAt(h.server.URL)
		o := r.send("notice", "SMS_FIXED", nil)
		_, err := r.sim.Act(t.Context(), simulator.Act{Who: somebody, App: sign, Do: "reply_sms", With: "R", Repeat: 2})
		require.NoError(t, err)
		require.NoError(t, r.sim.WaitSettled(t.Context()))
		for _, c := range r.sim.Callbacks(0) {
			require.Equal(t, simulator.Acknowledged, c.Status, c.Answer)
		}
		var types []string
		for _, e := range h.events() {
			types = append(types, e.Type)
			if e.Type == event.MessageDelivered {
				require.Equal(t, o.PlatformID, e.Props.Str("platform_id"))
				require.Equal(t, fmt.Sprint(r.id), e.Props.Str("out_id"))
			}
		}
		require.Equal(t, []string{event.MessageReplied, event.ConsentUnsubscribed, event.MessageDelivered}, types)
	})
}
