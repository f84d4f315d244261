package sms

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/services/dysmsapi"
	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/channels/simulator"
)

func TestSender_sends_each_kind_and_hands_the_message_id_over_as_out_id(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		require.NoError(t, r.templates.Refresh(t.Context()))
		for _, m := range []struct {
			kind, code string
			params     map[string]string
			text       string
		}{
			{"code", "SMS_CODE", map[string]string{"code": "246810"}, "【锦鲤】验证码246810，5分钟内有效。"},
			{"notice", "SMS_NOTICE", map[string]string{"name": "陈晨", "time": "11月24日 10:00"}, "【锦鲤】陈晨您好，您预约的演示在11月24日 10:00开始。"},
			{"notice", "SMS_FIXED", nil, "【锦鲤】您的申请已受理。"},
			{"marketing", "SMS_MARKET", nil, "【锦鲤】新版已上线，详见 koi.example/n 拒收请回复R"},
		} {
			o := r.send(m.kind, m.code, m.params)
			require.Equal(t, outbox.Sent, o.Status, o.Reason)
			require.NotEmpty(t, o.PlatformID)
			list := r.sim.Deliveries(simulator.DeliveryFilter{})
			last := list[len(list)-1]
			require.Equal(t, m.text, last.Text)
			require.Equal(t, somebody, last.To)
			require.Equal(t, o.PlatformID, last.MsgID)
		}
		calls := r.sim.Calls(simulator.CallFilter{Path: "SendSms"})
		require.Len(t, calls, 4)
		require.Contains(t, string(calls[0].Body), fmt.Sprintf(`"OutId":"%d"`, r.id-3))
		require.NotContains(t, string(calls[0].Body), keyID)
	})
}

func TestSender_refuses_what_Aliyun_would_refuse_before_asking_it(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		require.NoError(t, r.templates.Refresh(t.Context()))
		r.clock.Advance(2 * time.Minute)
		long := "一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十一二三四五六"
		for name, m := range map[string]struct {
			attempt outbox.Attempt
			status  outbox.Status
			says    string
		}{
			"an unknown signature": {func() outbox.Attempt {
				a := r.attempt("notice", "SMS_FIXED", somebody, nil)
				a.Account = "没有"
				return a
			}(), outbox.Alarm, "没有短信签名"},
			"a broken body":         {outbox.Attempt{ID: 1, Account: sign, Kind: "notice", Body: []byte(`{"phone":1}`)}, outbox.Alarm, "消息模板"},
			"an unknown field":      {outbox.Attempt{ID: 1, Account: sign, Kind: "notice", Body: []byte(`{"phone":"13800000001","template_code":"SMS_FIXED","to":"x"}`)}, outbox.Alarm, "消息模板"},
			"an unknown kind":       {r.attempt("text", "SMS_FIXED", somebody, nil), outbox.Alarm, "没有 text 这种类型"},
			"a foreign number":      {r.attempt("notice", "SMS_FIXED", "85251000000", nil), outbox.Failed, "手机号格式不对"},
			"a masked number":       {r.attempt("notice", "SMS_FIXED", "138****0001", nil), outbox.Failed, "手机号格式不对"},
			"no such template":      {r.attempt("notice", "SMS_NONE", somebody, nil), outbox.Alarm, "没有短信模板 SMS_NONE"},
			"a template in review":  {r.attempt("notice", "SMS_NEW", somebody, map[string]string{"name": "陈"}), outbox.Alarm, "审核中"},
			"a rejected template":   {r.attempt("notice", "SMS_BAD", somebody, nil), outbox.Alarm, "审核未通过（含营销内容）"},
			"marketing as a notice": {r.attempt("notice", "SMS_MARKET", somebody, nil), outbox.Alarm, "是推广短信，不能当作通知短信"},
			"a missing variable":    {r.attempt("notice", "SMS_NOTICE", somebody, map[string]string{"name": "陈"}), outbox.Alarm, "变量 time 没有填"},
			"an undeclared one":     {r.attempt("code", "SMS_CODE", somebody, map[string]string{"code": "1", "x": "2"}), outbox.Alarm, "没有变量 x"},
			"a long value":          {r.attempt("code", "SMS_CODE", somebody, map[string]string{"code": long}), outbox.Failed, "36 个字"},
			"an empty value":        {r.attempt("code", "SMS_CODE", somebody, map[string]string{"code": ""}), outbox.Failed, "0 个字"},
		} {
			o := r.sender.Send(t.Context(), m.attempt)
			require.Equal(t, m.status, o.Status, name)
			require.Contains(t, o.Reason, m.says, name)
		}
		require.Zero(t, r.sim.CallCount("SendSms"))
	})
}

func TestSender_lets_Aliyun_judge_while_nothing_is_known_of_its_templates(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		require.Equal(t, outbox.Sent, r.send("notice", "SMS_FIXED", nil).Status)
		for _, m := range []struct {
			kind, code string
			params     map[string]string
			status     outbox.Status
			word       string
		}{
			{"notice", "SMS_NEW", map[string]string{"name": "陈"}, outbox.Alarm, "isv.SMS_TEMPLATE_ILLEGAL"},
			{"notice", "SMS_NOTICE", nil, outbox.Alarm, "isv.TEMPLATE_MISSING_PARAMETERS"},
			{"code", "SMS_CODE", map[string]string{"code": "http://a.example"}, outbox.Failed, "isv.PARAM_NOT_SUPPORT_URL"},
			{"notice", "SMS_NOTICE", map[string]string{"name": "限时秒杀", "time": "今天"}, outbox.Failed, "isv.BLACK_KEY_CONTROL_LIMIT"},
			{"marketing", "SMS_NO_END", nil, outbox.Alarm, "isv.SMS_CONTENT_ILLEGAL"},
		} {
			o := r.send(m.kind, m.code, m.params)
			require.Equal(t, m.status, o.Status, m.code)
			require.Contains(t, o.Reason, m.word)
			require.Equal(t, meanings[m.word].number, o.Code)
		}
		r.clock.Advance(10 * time.Hour) // half past eight in the evening
		o := r.send("marketing", "SMS_MARKET", nil)
		require.Equal(t, outbox.Failed, o.Status)
		require.Contains(t, o.Reason, "9:00–20:00")
	})
}

func TestSender_reads_which_flow_limit_of_a_number_was_met(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		code := func() outbox.Outcome { return r.send("code", "SMS_CODE", map[string]string{"code": "1"}) }
		require.Equal(t, outbox.Sent, code().Status)
		o := code()
		require.Equal(t, outbox.Retry, o.Status)
		require.Equal(t, time.Minute, o.RetryAfter)
		require.Equal(t, 3001, o.Code)
		for range 4 {
			r.clock.Advance(time.Minute)
			require.Equal(t, outbox.Sent, code().Status)
		}
		r.clock.Advance(time.Minute)
		o = code()
		require.Equal(t, outbox.Retry, o.Status)
		require.Equal(t, time.Hour, o.RetryAfter)
		r.clock.Advance(time.Hour)
		for range 5 {
			require.Equal(t, outbox.Sent, code().Status)
			r.clock.Advance(time.Minute)
		}
		r.clock.Advance(time.Hour)
		o = code()
		require.Equal(t, outbox.Failed, o.Status)
		require.Contains(t, o.Reason, "明天再发")
	})
}

// Each code Aliyun may answer leads to the outcome of its line in the table.
func TestSender_does_what_each_code_asks_for(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		for code, m := range meanings {
			if code == "isv.BUSINESS_LIMIT_CONTROL" {
				continue // its message decides, see above
			}
			r.misbehave(simulator.Misbehaviour{Path: "SendSms", Account: sign, Error: code, Message: "号码 " + somebody + " 有误"})
			o := r.send("notice", "SMS_FIXED", nil)
			require.Equal(t, m.status, o.Status, code)
			require.Equal(t, m.number, o.Code, code)
			require.Contains(t, o.Reason, code)
			require.NotContains(t, o.Reason, somebody)
		}
		r.misbehave(simulator.Misbehaviour{Path: "SendSms", Error: "Throttling.User"})
		o := r.send("notice", "SMS_FIXED", nil)
		require.Equal(t, outbox.Retry, o.Status)
		require.Positive(t, o.RetryAfter)
		r.misbehave(simulator.Misbehaviour{Path: "SendSms", Error: "isv.NOBODY_KNOWS"})
		require.Equal(t, outbox.Failed, r.send("notice", "SMS_FIXED", nil).Status)
		require.Empty(t, r.sim.Deliveries(simulator.DeliveryFilter{}))
	})
}

func TestCodes_keep_their_numbers_apart(t *testing.T) {
	t.Parallel()
	reasons := map[int]string{}
	for code, m := range meanings {
		require.NotEmpty(t, m.reason, code)
		if other, taken := reasons[m.number]; taken {
			require.Equal(t, other, m.reason, "%s shares its number with another meaning", code)
		}
		reasons[m.number] = m.reason
	}
	require.Equal(t, "isv.MOBILE_NUMBER_ILLEGAL", CodeOf(1001))
	require.Empty(t, CodeOf(45009))
}

func TestSender_works_with_a_key_that_may_only_send(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, func(c *simulator.Config) { c.SMS[0].Templates = nil })
		require.NoError(t, r.templates.Refresh(t.Context()))
		_, reviews := r.templates.List()
		require.Contains(t, reviews[0].Problem, "AccessKey 没有短信权限")
		require.Equal(t, outbox.Sent, r.send("notice", "SMS_ANY", map[string]string{"name": "陈"}).Status)
	})
}

func TestSender_takes_a_new_key_without_a_restart(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, func(c *simulator.Config) {
			c.SMS = append(c.SMS, simulator.SMSAccount{AccessKeyID: "LTAIsecond", AccessKeySecret: "second-secret", Signs: []string{"第二"}})
		})
		const name = "第二"
		id, wrong, right := "LTAIsecond", "wrong-secret", "second-secret"
		_, err := r.accounts.Add(t.Context(), account.Change{Kind: account.KindSMS, App: name, AccessKeyID: &id, Secret: &wrong}, "test")
		require.NoError(t, err)
		a := r.attempt("notice", "SMS_ANY", somebody, nil)
		a.Account = name
		o := r.sender.Send(t.Context(), a)
		require.Equal(t, outbox.Alarm, o.Status)
		require.Contains(t, o.Reason, "SignatureDoesNotMatch")
		_, err = r.accounts.Edit(t.Context(), account.Change{Kind: account.KindSMS, App: name, Secret: &right}, "test")
		require.NoError(t, err)
		require.Equal(t, outbox.Sent, r.sender.Send(t.Context(), a).Status)
	})
}

func TestSender_leaves_what_was_not_answered_unknown_and_settles_it_by_asking(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		// It was taken, but the connection broke before the answer.
		r.misbehave(simulator.Misbehaviour{Path: "SendSms", After: true, Drop: true})
		taken := r.attempt("notice", "SMS_FIXED", somebody, nil)
		require.Equal(t, outbox.Unknown, r.sender.Send(t.Context(), taken).Status)
		require.Len(t, r.sim.Deliveries(simulator.DeliveryFilter{}), 1)
		// It never got there.
		r.misbehave(simulator.Misbehaviour{Path: "SendSms", Drop: true})
		lost := r.attempt("notice", "SMS_FIXED", somebody, nil)
		require.Equal(t, outbox.Unknown, r.sender.Send(t.Context(), lost).Status)
		// It was taken and refused by the carrier.
		r.misbehave(simulator.Misbehaviour{Path: "SendSms", Receipt: "failed: MK:0001"})
		r.misbehave(simulator.Misbehaviour{Path: "SendSms", After: true, Drop: true})
		dead := r.attempt("notice", "SMS_FIXED", somebody, nil)
		require.Equal(t, outbox.Unknown, r.sender.Send(t.Context(), dead).Status)

		require.Equal(t, outbox.Sent, r.sender.Settle(t.Context(), taken, at).Status)
		require.Equal(t, outbox.Unknown, r.sender.Settle(t.Context(), lost, at).Status, "Aliyun's details may lag")
		o := r.sender.Settle(t.Context(), dead, at)
		require.Equal(t, outbox.Failed, o.Status)
		require.Contains(t, o.Reason, "空号")

		r.clock.Advance(11 * time.Minute)
		r.misbehave(simulator.Misbehaviour{Path: "QuerySendDetails", Error: "isp.SYSTEM_ERROR"})
		require.Equal(t, outbox.Unknown, r.sender.Settle(t.Context(), lost, at).Status, "no answer proves nothing")
		o = r.sender.Settle(t.Context(), lost, at)
		require.Equal(t, outbox.Retry, o.Status)
		require.Contains(t, o.Reason, "确认没有发出")
		require.Equal(t, outbox.Sent, r.sender.Settle(t.Context(), taken, at).Status)
	})
}

func TestSender_settles_over_midnight_and_over_many_messages_to_one_number(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, func(c *simulator.Config) { c.Quotas = map[string]int{"*": -1} })
		r.clock.Advance(13*time.Hour + 29*time.Minute + 58*time.Second) // 23:59:58
		sentAt := r.clock.Wall()
		r.clock.Advance(3 * time.Second)
		a := r.attempt("notice", "SMS_FIXED", somebody, nil)
		require.Equal(t, outbox.Sent, r.sender.Send(t.Context(), a).Status)
		for range 60 {
			require.Equal(t, outbox.Sent, r.send("notice", "SMS_FIXED", nil).Status)
		}
		r.clock.Advance(time.Hour)
		require.Equal(t, outbox.Sent, r.sender.Settle(t.Context(), a, sentAt).Status)
	})
}

func TestClient_tells_no_connection_from_no_answer(t *testing.T) {
	t.Parallel()
	acc := account.SMS{AccessKeyID: keyID, AccessKeySecret: keySecret, SignName: sign}
	send := func(base string) *reply {
		c, err := NewClient(Options{BaseURL: base, Timeout: 300 * time.Millisecond})
		require.NoError(t, err)
		defer c.Close()
		req, resp := dysmsapi.CreateQuerySendDetailsRequest(), dysmsapi.CreateQuerySendDetailsResponse()
		return c.call(t.Context(), acc, req, resp)
	}
	closed := httptest.NewServer(http.NotFoundHandler())
	address := closed.URL
	closed.Close()
	require.Equal(t, outbox.Retry, explain(send(address)).Status)

	var moved atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { moved.Add(1) }))
	defer elsewhere.Close()
	for name, answer := range map[string]http.HandlerFunc{
		"no answer in time": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+"/?"+r.URL.RawQuery, http.StatusTemporaryRedirect)
		},
		"a page": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, "<html>")
		},
		"no JSON": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "OK") },
		"half an answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"Code":"OK"`)
		},
	} {
		server := httptest.NewServer(answer)
		r := send(server.URL)
		o := explain(r)
		require.Equal(t, outbox.Unknown, o.Status, name)
		if r.err != nil {
			for _, secret := range []string{keyID, somebody, server.URL} {
				require.NotContains(t, r.err.Error(), secret)
			}
		}
		server.CloseClientConnections()
		server.Close()
	}
	require.Zero(t, moved.Load())
}

func TestClient_keeps_calls_apart_and_bounds_them(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, func(c *simulator.Config) { c.Quotas = map[string]int{"*": -1} })
		const n = 60
		attempts := make([]outbox.Attempt, n)
		for i := range attempts {
			attempts[i] = r.attempt("code", "SMS_CODE", fmt.Sprintf("139%08d", i), map[string]string{"code": strconv.Itoa(i)})
		}
		var sent atomic.Int64
		together(n, func(i int) {
			if r.sender.Send(context.Background(), attempts[i]).Status == outbox.Sent {
				sent.Add(1)
			}
		})
		require.EqualValues(t, n, sent.Load())
		totals := r.sim.DeliveryTotals()
		require.EqualValues(t, n, totals.Delivered)
		require.Zero(t, totals.Repeated)
		for _, d := range r.sim.Deliveries(simulator.DeliveryFilter{}) {
			i, err := strconv.Atoi(d.To[3:])
			require.NoError(t, err)
			require.Contains(t, d.Text, fmt.Sprintf("验证码%d，", i), "parameters of another call")
		}
		require.LessOrEqual(t, len(r.client.idle), cap(r.client.places))
	})
}
