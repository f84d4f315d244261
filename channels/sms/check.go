package sms

import (
	"context"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/dysmsapi"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/outbox"
)

// Check asks Aliyun now whether an account's key opens the short message service, with a question that
// changes nothing and costs nothing: what was sent today to a number nobody has. It fills what the platform
// said; when it was asked is for the caller to note.
func (c *Client) Check(ctx context.Context, acc account.SMS) account.Health {
	req := dysmsapi.CreateQuerySendDetailsRequest()
	req.PhoneNumber, req.SendDate = "13000000000", time.Now().In(china).Format("20060102")
	req.PageSize, req.CurrentPage = requests.NewInteger(1), requests.NewInteger(1)
	o := explain(c.call(ctx, acc, req, dysmsapi.CreateQuerySendDetailsResponse()))
	h := account.Health{Purpose: account.ForApp, OK: o.Status == outbox.Sent, Code: o.Code, Problem: o.Reason}
	if o.Status == outbox.Unknown { // nothing was sent that could have arrived
		h.Problem = "阿里云没有给出可读的回答：请检查服务器的网络和 channels.aliyun_sms.base_url，稍后再试"
	}
	return h
}
