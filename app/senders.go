package app

import (
	"context"
	"time"

	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/webhook"
	"github.com/koi-scrm/koi/channels/miniprogram"
	"github.com/koi-scrm/koi/channels/officialaccount"
	webhookchannel "github.com/koi-scrm/koi/channels/webhook"
	"github.com/koi-scrm/koi/channels/wechat"
	"github.com/koi-scrm/koi/channels/wecom"
)

// senders are the ways out, one for each channel.
func (a *App) senders(caller *wechat.Caller, corp *wecom.Client) ([]outbox.Sender, error) {
	var err error
	if a.guard, err = webhook.NewGuard(a.Config.Channels.Webhook.Allow, nil); err != nil {
		return nil, err
	}
	a.Webhooks = webhook.New(a.Stores, a.Keys, a.Clock)
	a.webhooks = webhookchannel.NewSender(a.Webhooks, a.guard, a.Clock)
	short, err := a.shortMessages()
	if err != nil {
		return nil, err
	}
	return []outbox.Sender{
		wecom.NewSender(corp, a.Accounts, a.Clock),
		wecom.NewWelcomeSender(corp, a.Accounts, a.Clock),
		officialaccount.NewSender(caller, a.Accounts, a.Clock),
		officialaccount.NewTemplateSender(caller, a.Accounts, a.Clock),
		officialaccount.NewNoticeSender(caller, a.Accounts, a.Clock),
		officialaccount.NewOnceSender(caller, a.Accounts, a.Clock),
		miniprogram.NewSender(caller, a.Accounts, a.Clock),
		short,
		a.webhooks,
	}, nil
}

// tryWebhook delivers a sample now.
func (a *App) tryWebhook(ctx context.Context, key string) (outbox.Outcome, time.Duration, error) {
	t, err := a.webhooks.Test(ctx, key)
	return t.Outcome, t.Took, err
}
