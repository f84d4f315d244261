package sms

import (
	"context"
	"log/slog"
	"strconv"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/dysmsapi"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/smstemplate"
)

// Templates asks Aliyun for templates; it implements smstemplate.Source.
type Templates struct{ client *Client }

// NewTemplates makes it.
func NewTemplates(client *Client) *Templates { return &Templates{client} }

const (
	templatesPage = 50
	maxTemplates  = 5000
)

// Templates implements smstemplate.Source. Fault: Unavailable with what Aliyun said.
func (t *Templates) Templates(ctx context.Context, acc account.SMS) ([]smstemplate.Template, error) {
	var out []smstemplate.Template
	for page := 1; len(out) < maxTemplates; page++ {
		req := dysmsapi.CreateQuerySmsTemplateListRequest()
		req.PageIndex, req.PageSize = requests.NewInteger(page), requests.NewInteger(templatesPage)
		resp := dysmsapi.CreateQuerySmsTemplateListResponse()
		if err := refusal(t.client.call(ctx, acc, req, resp)); err != nil {
			return nil, err
		}
		for _, x := range resp.SmsTemplateList {
			out = append(out, smstemplate.Template{Code: x.TemplateCode, Name: x.TemplateName, Content: x.TemplateContent,
				Kind: kindOf(x.OuterTemplateType), State: listState(x.AuditStatus), Reason: x.Reason.RejectInfo})
		}
		if len(resp.SmsTemplateList) < templatesPage {
			break
		}
	}
	return out, nil
}

// Template implements smstemplate.Source, by GetSmsTemplate (QuerySmsTemplate was taken out of service).
// Faults: NotFound; Unavailable with what Aliyun said.
func (t *Templates) Template(ctx context.Context, acc account.SMS, code string) (smstemplate.Template, error) {
	req := dysmsapi.CreateGetSmsTemplateRequest()
	req.TemplateCode = code
	resp := dysmsapi.CreateGetSmsTemplateResponse()
	r := t.client.call(ctx, acc, req, resp)
	if r.err == nil && (r.code == "isv.SMS_TEMPLATE_ILLEGAL" || r.code == "isv.TEMPLATE_NOT_FOUND") { // the second: [recall]
		return smstemplate.Template{}, fault.New(fault.NotFound, "阿里云没有短信模板 %s：请核对模板 CODE", code)
	}
	if err := refusal(r); err != nil {
		return smstemplate.Template{}, err
	}
	kind, err := strconv.Atoi(resp.TemplateType)
	if err != nil {
		kind = -1
	}
	return smstemplate.Template{Code: code, Name: resp.TemplateName, Content: resp.TemplateContent, Kind: kindOf(kind),
		State: singleState(resp.TemplateStatus), Reason: resp.AuditInfo.RejectInfo}, nil
}

// refusal is a reply that brought no answer, as a fault; nil for OK.
func refusal(r *reply) error {
	if r.err == nil && r.code == "OK" {
		return nil
	}
	if r.err != nil || r.code == "" {
		slog.Warn("阿里云短信接口没有可用的回答", "status", r.status, "err", r.err)
		return fault.New(fault.Unavailable, "阿里云没有回答：请检查服务器的网络后重试")
	}
	if m, known := meanings[r.code]; known {
		return fault.New(fault.Unavailable, "%s（%s）", m.reason, r.code)
	}
	return fault.New(fault.Unavailable, "阿里云拒绝了查询（%s）：请在阿里云文档查这个错误码", word(r.code))
}

// kindOf reads OuterTemplateType of QuerySmsTemplateList and TemplateType of GetSmsTemplate: 0 verification
// code, 1 notice, 2 marketing, 3 international, 7 digital. (The list's own TemplateType counts otherwise.)
func kindOf(n int) smstemplate.Kind {
	switch n {
	case 0:
		return smstemplate.Code
	case 1:
		return smstemplate.Notice
	case 2:
		return smstemplate.Marketing
	}
	return smstemplate.Other
}

// listState reads AuditStatus; Aliyun spells the last one both ways. An unknown word is no approval.
func listState(s string) smstemplate.State {
	switch s {
	case "AUDIT_STATE_PASS":
		return smstemplate.Approved
	case "AUDIT_STATE_NOT_PASS":
		return smstemplate.Rejected
	case "AUDIT_STATE_CANCEL", "AUDIT_SATE_CANCEL":
		return smstemplate.Cancelled
	}
	return smstemplate.Reviewing
}

// singleState reads TemplateStatus [recall]: 0 under review, 1 approved, 2 rejected, 10 cancelled.
func singleState(s string) smstemplate.State {
	switch s {
	case "1":
		return smstemplate.Approved
	case "2":
		return smstemplate.Rejected
	case "10":
		return smstemplate.Cancelled
	}
	return smstemplate.Reviewing
}
