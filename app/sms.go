package app

import (
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/smstemplate"
	"github.com/koi-scrm/koi/channels/sms"
)

// shortMessages makes the way to Aliyun and back: the mirror of its templates, and the sender.
func (a *App) shortMessages() (outbox.Sender, error) {
	var err error
	if a.aliyun, err = sms.NewClient(sms.Options{BaseURL: a.Config.Channels.AliyunSMS.BaseURL}); err != nil {
		return nil, err
	}
	a.SMSTemplates = smstemplate.NewDirectory(a.Stores.Koi, a.Clock, a.Accounts, sms.NewTemplates(a.aliyun))
	return sms.NewSender(a.aliyun, a.Accounts, a.SMSTemplates, a.Clock), nil
}
