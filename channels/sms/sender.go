package sms

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"strconv"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/dysmsapi"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/smstemplate"
)

// Accounts finds the account of a signature: *account.Directory.
type Accounts interface {
	SMS(sign string) (account.SMS, bool)
}

// Sender sends short messages. It implements outbox.Sender for outbox.SMS, and outbox.Settler: Aliyun drops
// no repeats, so what became of an attempt without an answer is asked by its OutId, which is the message's
// id, and never tried blindly.
//
// The account of an attempt is the signature, its kind code, notice or marketing, its body
//
//	{"phone":"13800000000","template_code":"SMS_1","params":{"name":"…"},"text":"…"}
//
// The number stands only there: To is masked.
type Sender struct {
	client    *Client
	accounts  Accounts
	templates *smstemplate.Directory
	clk       clock.Clock
}

// NewSender makes a sender.
func NewSender(client *Client, accounts Accounts, templates *smstemplate.Directory, clk clock.Clock) *Sender {
	return &Sender{client: client, accounts: accounts, templates: templates, clk: clk}
}

// Channel implements outbox.Sender.
func (s *Sender) Channel() outbox.Channel { return outbox.SMS }

// DedupeWindow implements outbox.Sender: OutId is handed back, it drops nothing.
func (s *Sender) DedupeWindow() time.Duration { return 0 }

// message is the body of an attempt.
type message struct {
	Phone        string            `json:"phone"`
	TemplateCode string            `json:"template_code"`
	Params       map[string]string `json:"params"`
	Text         string            `json:"text"` // for people; Aliyun renders its own
}

// mainland is a mobile number of mainland China: the only ones Koi sends to.
var mainland = regexp.MustCompile(`^1[3-9][0-9]{9}$`)

// Send implements outbox.Sender.
func (s *Sender) Send(ctx context.Context, m outbox.Attempt) outbox.Outcome {
	acc, ok := s.accounts.SMS(m.Account)
	if !ok {
		return outbox.Outcome{Status: outbox.Alarm, Reason: "没有短信签名「" + m.Account + "」：它可能已被删除，请到「设置 → 平台账号」查看"}
	}
	msg, o := s.compose(ctx, acc, m)
	if o.Status != "" {
		return o
	}
	req := dysmsapi.CreateSendSmsRequest()
	req.SignName, req.TemplateCode, req.PhoneNumbers, req.OutId = acc.SignName, msg.TemplateCode, msg.Phone, strconv.FormatInt(m.ID, 10)
	if len(msg.Params) > 0 {
		params, err := json.Marshal(msg.Params)
		if err != nil {
			return outbox.Outcome{Status: outbox.Failed, Reason: "短信变量写不成 JSON：请检查消息模板"}
		}
		req.TemplateParam = string(params)
	}
	resp := dysmsapi.CreateSendSmsResponse()
	o = explain(s.client.call(ctx, acc, req, resp))
	if o.Status == outbox.Sent {
		o.PlatformID = resp.BizId
	}
	return o
}

// compose reads the body and refuses what Aliyun would refuse, in clearer words and for free.
func (s *Sender) compose(ctx context.Context, acc account.SMS, m outbox.Attempt) (*message, outbox.Outcome) {
	var msg message
	d := json.NewDecoder(bytes.NewReader(m.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(&msg); err != nil || d.More() || msg.TemplateCode == "" {
		return nil, outbox.Outcome{Status: outbox.Alarm, Reason: "消息内容不是短信应有的样子：请检查消息模板"}
	}
	kind := smstemplate.Kind(m.Kind)
	if kind != smstemplate.Code && kind != smstemplate.Notice && kind != smstemplate.Marketing {
		return nil, outbox.Outcome{Status: outbox.Alarm, Reason: "短信没有 " + m.Kind + " 这种类型：请改用 code（验证码）、notice（通知）或 marketing（推广）"}
	}
	if !mainland.MatchString(msg.Phone) {
		return nil, outbox.Outcome{Status: outbox.Failed, Code: meanings["isv.MOBILE_NUMBER_ILLEGAL"].number, Reason: meanings["isv.MOBILE_NUMBER_ILLEGAL"].reason}
	}
	t, problem := s.templates.Judge(ctx, acc, msg.TemplateCode, kind)
	if problem != "" {
		return nil, outbox.Outcome{Status: outbox.Alarm, Code: meanings["isv.SMS_TEMPLATE_ILLEGAL"].number, Reason: problem}
	}
	switch misset, unfit := t.Fits(msg.Params); {
	case misset != "":
		return nil, outbox.Outcome{Status: outbox.Alarm, Code: meanings["isv.TEMPLATE_MISSING_PARAMETERS"].number, Reason: misset}
	case unfit != "":
		return nil, outbox.Outcome{Status: outbox.Failed, Code: meanings["isv.PARAM_LENGTH_LIMIT"].number, Reason: unfit}
	}
	return &msg, outbox.Outcome{}
}

const (
	// detailsLag is how long Aliyun may take to show a message in its details; one that is not there after
	// it was never taken [recall: minutes; twice what was seen].
	detailsLag = 10 * time.Minute
	// detailsPage and detailsPages bound the reading: 50 a page is the most Aliyun gives.
	detailsPage  = 50
	detailsPages = 4
)

// china is the zone of Aliyun's dates.
var china = time.FixedZone("CST", 8*3600)

// Settle implements outbox.Settler: it looks for the attempt among what Aliyun took for the number on the
// day it was sent, and up to today. Found, it was taken. Not found long after, it never was, and may go
// again. Everything else stays unknown.
func (s *Sender) Settle(ctx context.Context, m outbox.Attempt, sentAt time.Time) outbox.Outcome {
	unknown := outbox.Outcome{Status: outbox.Unknown}
	acc, ok := s.accounts.SMS(m.Account)
	if !ok {
		return unknown
	}
	var msg message
	if json.Unmarshal(m.Body, &msg) != nil {
		return unknown
	}
	now := s.clk.Wall()
	if now.Before(sentAt) {
		return unknown
	}
	outID := strconv.FormatInt(m.ID, 10)
	// A request on its way at midnight, or a clock that is off a little, may fall on the day beside.
	for day := sentAt.Add(-5 * time.Minute).In(china); ; day = day.AddDate(0, 0, 1) {
		date := day.Format("20060102")
		o, found, all := s.details(ctx, acc, msg.Phone, date, outID)
		if found {
			return o
		}
		if !all {
			return unknown
		}
		if date >= now.In(china).Format("20060102") || day.Sub(sentAt) > 48*time.Hour {
			break
		}
	}
	if now.Sub(sentAt) < detailsLag {
		return unknown
	}
	return outbox.Outcome{Status: outbox.Retry, Reason: "阿里云没有这条短信的记录，确认没有发出：重新发送"}
}

// details looks for a message among those of one number and day. all is false when not everything could be
// read.
func (s *Sender) details(ctx context.Context, acc account.SMS, phone, date, outID string) (o outbox.Outcome, found, all bool) {
	for page := 1; page <= detailsPages; page++ {
		req := dysmsapi.CreateQuerySendDetailsRequest()
		req.PhoneNumber, req.SendDate = phone, date
		req.PageSize, req.CurrentPage = requests.NewInteger(detailsPage), requests.NewInteger(page)
		resp := dysmsapi.CreateQuerySendDetailsResponse()
		if r := s.client.call(ctx, acc, req, resp); r.err != nil || r.code != "OK" {
			return o, false, false
		}
		list := resp.SmsSendDetailDTOs.SmsSendDetailDTO
		for _, d := range list {
			if d.OutId != outID {
				continue
			}
			// 1 waiting for the operator's receipt, 2 failed, 3 arrived.
			switch d.SendStatus {
			case 1, 3:
				return outbox.Outcome{Status: outbox.Sent, Reason: "向阿里云查到：已经发出"}, true, true
			case 2:
				return outbox.Outcome{Status: outbox.Failed, Reason: "向阿里云查到：没有送达，" + receiptReason(d.ErrCode, "")}, true, true
			}
			return o, false, false
		}
		if len(list) < detailsPage {
			return o, false, true
		}
	}
	return o, false, false
}
