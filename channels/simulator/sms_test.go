package simulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/services/dysmsapi"
	"github.com/stretchr/testify/require"
)

const (
	smsKey    = "LTAIsimulator"
	smsSecret = "sms-secret"
	smsSign   = "锦鲤"
)

// withSMS adds an Aliyun account with a template of each kind.
func withSMS(cfg *Config) {
	cfg.SMS = []SMSAccount{{AccessKeyID: smsKey, AccessKeySecret: smsSecret, Signs: []string{smsSign}, ReceiptToken: "tok",
		Templates: []SMSTemplate{
			{Code: "SMS_1", Kind: "code", Content: "验证码${code}"},
			{Code: "SMS_2", Kind: "notice", Content: "${name}您好"},
			{Code: "SMS_3", Kind: "marketing", Content: "新品上市，拒收请回复R"},
			{Code: "SMS_4", Kind: "notice", Content: "审核中", State: "reviewing"},
		}}}
	cfg.SMSRetries = []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond}
}

// rpc makes a signed call by hand; change edits the parameters after signing.
func (r *rig) rpc(action string, params map[string]string, change ...func(url.Values)) (int, map[string]any) {
	r.t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2017-05-25"}, "Format": {"JSON"}, "SignatureMethod": {"HMAC-SHA1"}, "SignatureVersion": {"1.0"},
		"AccessKeyId": {smsKey}, "SignatureNonce": {strconv.FormatInt(r.nextID(), 10)}, "Timestamp": {time.Now().UTC().Format("2006-01-02T15:04:05Z")}}
	for k, v := range params {
		form.Set(k, v)
	}
	form.Set("Signature", signRPC("POST", form, smsSecret))
	for _, f := range change {
		f(form)
	}
	resp, err := http.Post(r.http.URL+"/?"+form.Encode(), "application/x-www-form-urlencoded", nil)
	require.NoError(r.t, err)
	defer resp.Body.Close()
	var out map[string]any
	require.NoError(r.t, json.NewDecoder(resp.Body).Decode(&out))
	return resp.StatusCode, out
}

func (r *rig) text(code, phone string, params map[string]string) map[string]any {
	r.t.Helper()
	raw, err := json.Marshal(params)
	require.NoError(r.t, err)
	_, out := r.rpc("SendSms", map[string]string{"PhoneNumbers": phone, "SignName": smsSign, "TemplateCode": code, "TemplateParam": string(raw), "OutId": "77"})
	return out
}

func TestSMS_the_gateway_lets_only_signed_calls_in(t *testing.T) {
	t.Parallel()
	r := newRig(t, withSMS)
	for _, c := range []struct {
		change func(url.Values)
		status int
		code   string
	}{
		{func(f url.Values) { f.Set("SignName", "别的") }, 400, "SignatureDoesNotMatch"},
		{func(f url.Values) { f.Set("Signature", "") }, 400, "SignatureDoesNotMatch"},
		{func(f url.Values) { f.Set("AccessKeyId", "LTAInobody") }, 404, "InvalidAccessKeyId.NotFound"},
		{func(f url.Values) {
			f.Set("Timestamp", "2020-01-01T00:00:00Z")
			f.Set("Signature", signRPC("POST", f, smsSecret))
		}, 400, "InvalidTimeStamp.Expired"},
		{func(f url.Values) { f.Set("Action", "Nothing"); f.Set("Signature", signRPC("POST", f, smsSecret)) }, 404, "InvalidAction.NotFound"},
	} {
		status, out := r.rpc("SendSms", map[string]string{"PhoneNumbers": "13800000001", "SignName": smsSign, "TemplateCode": "SMS_2", "TemplateParam": `{"name":"陈"}`}, c.change)
		require.Equal(t, c.status, status, c.code)
		require.Equal(t, c.code, out["Code"])
	}
	same := map[string]string{"SignatureNonce": "once", "PhoneNumber": "13800000001", "SendDate": "20261122"}
	_, out := r.rpc("QuerySendDetails", same)
	require.Equal(t, "OK", out["Code"])
	_, out = r.rpc("QuerySendDetails", same)
	require.Equal(t, "SignatureNonceUsed", out["Code"])
	require.Zero(t, r.DeliveryTotals().Delivered)
}

func TestSMS_messages_are_judged_by_their_kind(t *testing.T) {
	t.Parallel()
	r := newRig(t, withSMS)
	name := map[string]string{"name": "陈"}
	for _, c := range []struct {
		code, phone string
		params      map[string]string
		want        string
	}{
		{"SMS_2", "13800000001", name, "OK"},
		{"SMS_2", "+8613800000001", name, "OK"},
		{"SMS_2", "1380000000", name, "isv.MOBILE_NUMBER_ILLEGAL"},
		{"SMS_9", "13800000001", name, "isv.SMS_TEMPLATE_ILLEGAL"},
		{"SMS_4", "13800000001", nil, "isv.SMS_TEMPLATE_ILLEGAL"},
		{"SMS_2", "13800000001", map[string]string{}, "isv.TEMPLATE_MISSING_PARAMETERS"},
		{"SMS_2", "13800000001", map[string]string{"name": "陈", "x": "1"}, "isv.INVALID_PARAMETERS"},
		{"SMS_2", "13800000001", map[string]string{"name": strings.Repeat("长", 36)}, "isv.PARAM_LENGTH_LIMIT"},
		{"SMS_2", "13800000001", map[string]string{"name": "www.example.com"}, "isv.PARAM_NOT_SUPPORT_URL"},
		{"SMS_2", "13800000001", map[string]string{"name": "积分兑换"}, "isv.BLACK_KEY_CONTROL_LIMIT"},
		{"SMS_3", "13800000001", nil, "OK"},
	} {
		require.Equal(t, c.want, r.text(c.code, c.phone, c.params)["Code"], "%s %v", c.code, c.params)
	}
	r.clock.Advance(10 * time.Hour)
	require.Equal(t, "isv.BUSINESS_LIMIT_CONTROL", r.text("SMS_3", "13800000001", nil)["Code"], "no marketing in the evening")
	require.EqualValues(t, 3, r.DeliveryTotals().Delivered)
	require.Len(t, r.Deliveries(DeliveryFilter{To: "13800000001", Kind: "sms"}), 3)
}

func TestSMS_codes_to_one_number_are_limited_per_minute_hour_and_day(t *testing.T) {
	t.Parallel()
	r := newRig(t, withSMS)
	send := func() string {
		return r.text("SMS_1", "13800000001", map[string]string{"code": "1"})["Message"].(string)
	}
	got := map[string]int{}
	for range 24 * 60 {
		got[send()]++
		got[send()]++ // the second of a minute never passes
		r.clock.Advance(time.Minute)
	}
	require.LessOrEqual(t, got["OK"], 20, "10 a day, over two calendar days")
	require.GreaterOrEqual(t, got["OK"], 10)
	require.Positive(t, got["触发分钟级流控Permits:1"])
	require.Positive(t, got["触发小时级流控Permits:5"])
	require.Positive(t, got["触发天级流控Permits:10"])
	require.Equal(t, "OK", r.text("SMS_1", "13800000002", map[string]string{"code": "1"})["Code"], "another number has limits of its own")
}

func TestSMS_receipts_come_until_they_are_taken(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var bodies []string
	koi := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		mu.Lock()
		defer mu.Unlock()
		bodies = append(bodies, req.URL.Path+" "+string(body))
		switch len(bodies) {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			_, _ = io.WriteString(w, `{"code":1,"msg":"no"}`)
		default:
			_, _ = io.WriteString(w, `{"code":0,"msg":"成功"}`)
		}
	}))
	defer koi.Close()
	r := newRig(t, withSMS)
	r.PointAt(koi.URL)
	sent := r.text("SMS_2", "13800000001", map[string]string{"name": "陈"})
	require.NoError(t, r.WaitSettled(t.Context()))
	require.Len(t, bodies, 3, "an answer other than code 0 is no answer")
	require.Equal(t, bodies[0], bodies[2])
	require.True(t, strings.HasPrefix(bodies[0], "/callback/sms/aliyun/tok/report ["))
	var list []map[string]any
	require.NoError(t, json.Unmarshal([]byte(bodies[0][strings.Index(bodies[0], "["):]), &list))
	require.Equal(t, sent["BizId"], list[0]["biz_id"])
	require.Equal(t, "77", list[0]["out_id"])
	require.Equal(t, true, list[0]["success"])
	require.Equal(t, "1", list[0]["sms_size"])

	require.NoError(t, r.Misbehave(Misbehaviour{Path: "SendSms", Receipt: "failed: UNDELIV"}))
	r.text("SMS_2", "13800000001", map[string]string{"name": "陈"})
	require.NoError(t, r.WaitSettled(t.Context()))
	require.Contains(t, bodies[3], `"err_code":"UNDELIV"`)
	require.EqualValues(t, 1, r.DeliveryTotals().Delivered, "the second did not arrive")

	_, err := r.Act(t.Context(), Act{Who: "13800000001", Do: "reply_sms", With: "R"})
	require.NoError(t, err)
	require.Contains(t, bodies[4], "/callback/sms/aliyun/tok/up ")
	require.Contains(t, bodies[4], `"content":"R"`)
	_, err = r.Act(t.Context(), Act{Who: "nobody", Do: "reply_sms", With: "R"})
	require.Error(t, err)
	_, err = r.Act(t.Context(), Act{Who: "13800000001", App: "别的签名", Do: "reply_sms", With: "R"})
	require.Error(t, err)
}

// The SDK's own client: what it sends is understood, what is answered it understands.
func TestSMS_speaks_the_SDKs_language(t *testing.T) {
	t.Parallel()
	r := newRig(t, withSMS)
	client, err := dysmsapi.NewClientWithAccessKey("cn-hangzhou", smsKey, smsSecret)
	require.NoError(t, err)
	host := strings.TrimPrefix(r.http.URL, "http://")

	batch := dysmsapi.CreateSendBatchSmsRequest()
	batch.Scheme, batch.Domain = "http", host
	batch.PhoneNumberJson, batch.SignNameJson = `["13800000001","13800000002"]`, `["锦鲤","锦鲤"]`
	batch.TemplateCode, batch.TemplateParamJson, batch.OutId = "SMS_2", `[{"name":"甲"},{"name":"乙"}]`, "5"
	many, err := client.SendBatchSms(batch)
	require.NoError(t, err)
	require.Equal(t, "OK", many.Code)
	list := r.Deliveries(DeliveryFilter{})
	require.Len(t, list, 2)
	require.Equal(t, "【锦鲤】乙您好", list[1].Text)
	require.Equal(t, many.BizId, list[1].MsgID)

	details := dysmsapi.CreateQuerySendDetailsRequest()
	details.Scheme, details.Domain = "http", host
	details.PhoneNumber, details.SendDate, details.PageSize, details.CurrentPage = "13800000002", "20261122", "10", "1"
	found, err := client.QuerySendDetails(details)
	require.NoError(t, err)
	require.Equal(t, "1", found.TotalCount)
	require.Equal(t, "5", found.SmsSendDetailDTOs.SmsSendDetailDTO[0].OutId)
	require.EqualValues(t, 3, found.SmsSendDetailDTOs.SmsSendDetailDTO[0].SendStatus)

	templates := dysmsapi.CreateQuerySmsTemplateListRequest()
	templates.Scheme, templates.Domain, templates.PageSize = "http", host, "3"
	page, err := client.QuerySmsTemplateList(templates)
	require.NoError(t, err)
	require.Len(t, page.SmsTemplateList, 3)
	require.EqualValues(t, 4, page.TotalCount)
	require.Equal(t, 2, page.SmsTemplateList[2].OuterTemplateType)
	require.NoError(t, r.ReviewSMSTemplate("SMS_4", "rejected", "含营销内容"))
	one := dysmsapi.CreateGetSmsTemplateRequest()
	one.Scheme, one.Domain, one.TemplateCode = "http", host, "SMS_4"
	got, err := client.GetSmsTemplate(one)
	require.NoError(t, err)
	require.Equal(t, "2", got.TemplateStatus)
	require.Equal(t, "含营销内容", got.AuditInfo.RejectInfo)

	require.NoError(t, r.Misbehave(Misbehaviour{Path: "QuerySmsTemplateList", Error: "isp.RAM_PERMISSION_DENY"}))
	page, err = client.QuerySmsTemplateList(templates)
	require.NoError(t, err)
	require.Equal(t, "isp.RAM_PERMISSION_DENY", page.Code)
	calls := r.Calls(CallFilter{Path: "QuerySmsTemplateList"})
	require.Len(t, calls, 2)
	require.Equal(t, "error isp.RAM_PERMISSION_DENY", calls[1].Misbehaved)
	require.NotContains(t, fmt.Sprint(string(calls[0].Body)), smsKey)
}
