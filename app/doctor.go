package app

import (
	"context"
	"encoding/json"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/doctor"
	"github.com/koi-scrm/koi/channels/miniprogram"
	"github.com/koi-scrm/koi/channels/officialaccount"
	"github.com/koi-scrm/koi/channels/sms"
	"github.com/koi-scrm/koi/channels/wechat"
	"github.com/koi-scrm/koi/channels/wecom"
)

// newDoctor makes the one who looks at all of it.
func (a *App) newDoctor(caller *wechat.Caller, corp *wecom.Client) *doctor.Doctor {
	return doctor.New(doctor.Parts{Config: a.Config, Stores: a.Stores, Accounts: a.Accounts, Tokens: a.Tokens,
		Serving: a.ready.Load, Ready: a.isReady, Troubles: a.troubles, Unmanned: a.Journeys.Unmanned,
		Examiners: []doctor.Examiner{
			officialaccount.NewExaminer(caller, a.Accounts, a.Config.PublicURL),
			miniprogram.NewExaminer(caller, a.Accounts, a.Config.PublicURL),
			wecom.NewExaminer(corp, a.Accounts, a.Config.PublicURL),
			sms.NewExaminer(a.aliyun, a.Accounts, a.Config.PublicURL),
		}})
}

func (a *App) troubles(ctx context.Context) (t doctor.Troubles, err error) {
	const most = 200
	dead, err := a.Pipeline.DeadLetters(ctx, 0, most)
	if err != nil {
		return t, err
	}
	alarms, err := a.Outbox.Alarms(ctx)
	if err != nil {
		return t, err
	}
	pauses, err := a.Outbox.Pauses(ctx)
	return doctor.Troubles{DeadLetters: len(dead), Alarms: len(alarms), Pauses: len(pauses)}, err
}

// examine is `koi doctor`.
func (a *App) examine(ctx context.Context, _ json.RawMessage) (any, error) {
	list := a.Doctor.Examine(ctx)
	if list == nil {
		list = []account.Finding{}
	}
	return list, nil
}
