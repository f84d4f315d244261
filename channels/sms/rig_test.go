package sms

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/app/smstemplate"
	"github.com/koi-scrm/koi/channels/simulator"
	"github.com/koi-scrm/koi/configs"
)

const (
	keyID        = "LTAItestkeyid"
	keySecret    = "test-access-key-secret"
	sign         = "锦鲤"
	receiptToken = "receipt-token-0123456789"
	somebody     = "13800000001"
)

// at is half past ten in the morning in China, when marketing may be sent.
var at = time.Date(2026, 11, 23, 10, 30, 0, 0, china)

// world is an Aliyun account with a template of each kind and state.
func world() simulator.Config {
	return simulator.Config{
		SMS: []simulator.SMSAccount{{AccessKeyID: keyID, AccessKeySecret: keySecret, Signs: []string{sign, "锦鲤会员"}, ReceiptToken: receiptToken,
			Templates: []simulator.SMSTemplate{
				{Code: "SMS_CODE", Kind: "code", Content: "验证码${code}，5分钟内有效。"},
				{Code: "SMS_NOTICE", Kind: "notice", Content: "${name}您好，您预约的演示在${time}开始。"},
				{Code: "SMS_FIXED", Kind: "notice", Content: "您的申请已受理。"},
				{Code: "SMS_MARKET", Kind: "marketing", Content: "新版已上线，详见 koi.example/n 拒收请回复R"},
				{Code: "SMS_NO_END", Kind: "marketing", Content: "新版已上线"},
				{Code: "SMS_NEW", Kind: "notice", Content: "您好${name}", State: "reviewing"},
				{Code: "SMS_BAD", Kind: "notice", Content: "促销", State: "rejected", Reason: "含营销内容"},
			}}},
		CallbackTimeout: 2 * time.Second, CallbackSpacing: time.Millisecond, SMSRetries: []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond},
	}
}

// rig is a sender with its mirror of templates, on a simulated Aliyun.
type rig struct {
	t         *testing.T
	clock     *clock.Manual
	sim       *simulator.Simulator
	accounts  *account.Directory
	client    *Client
	templates *smstemplate.Directory
	sender    *Sender
	id        int64
}

func newRig(t *testing.T, s *db.Stores, change ...func(*simulator.Config)) *rig {
	t.Helper()
	r := &rig{t: t, clock: clock.NewManual(at), id: 7_000_000_000_000_000_000}
	w := world()
	w.Clock = r.clock
	for _, f := range change {
		f(&w)
	}
	var err error
	r.sim, err = simulator.New(w)
	require.NoError(t, err)
	require.NoError(t, r.sim.Start(context.WithoutCancel(t.Context()), "127.0.0.1:0"))
	t.Cleanup(r.sim.Close)
	keys, err := secret.New(make([]byte, secret.MasterSize))
	require.NoError(t, err)
	r.accounts = account.New(s, keys, r.clock, configs.Accounts{SMS: []configs.SMSAccount{
		{AccessKeyID: keyID, AccessKeySecret: keySecret, SignName: sign, ReceiptToken: receiptToken}}})
	r.client, err = NewClient(Options{BaseURL: r.sim.URL(), Timeout: 2 * time.Second})
	require.NoError(t, err)
	t.Cleanup(r.client.Close)
	r.templates = smstemplate.NewDirectory(s.Koi, r.clock, r.accounts, NewTemplates(r.client))
	r.sender = NewSender(r.client, r.accounts, r.templates, r.clock)
	return r
}

// attempt makes an attempt of a new message.
func (r *rig) attempt(kind, code, phone string, params map[string]string) outbox.Attempt {
	r.id++
	body, err := json.Marshal(message{Phone: phone, TemplateCode: code, Params: params, Text: "…"})
	require.NoError(r.t, err)
	return outbox.Attempt{ID: r.id, Number: 1, Account: sign, To: "138****0001", Kind: kind, Body: body}
}

func (r *rig) send(kind, code string, params map[string]string) outbox.Outcome {
	r.t.Helper()
	return r.sender.Send(r.t.Context(), r.attempt(kind, code, somebody, params))
}

func (r *rig) misbehave(m simulator.Misbehaviour) {
	r.t.Helper()
	require.NoError(r.t, r.sim.Misbehave(m))
}

// together runs f n times at once and waits.
func together(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}
