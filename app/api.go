package app

import (
	"context"
	"errors"
	"time"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/content"
	"github.com/koi-scrm/koi/app/httpapi"
	"github.com/koi-scrm/koi/app/journey"
	"github.com/koi-scrm/koi/app/reach"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/share"
	"github.com/koi-scrm/koi/app/stage"
	"github.com/koi-scrm/koi/app/tag"
	"github.com/koi-scrm/koi/channels/officialaccount"
	"github.com/koi-scrm/koi/h5"
)

// person reads everything conditions may ask of a person, outside the pipeline.
func (a *App) person(counters *rule.Counters) journey.PersonReader {
	return func(ctx context.Context, id int64) (*rule.Person, error) {
		c, err := a.People.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		p, q, now := rule.NewPerson(c), a.Stores.Koi, clock.Ms(a.Clock.Now())
		return p, errors.Join(reach.Fill(ctx, q, p), tag.Fill(ctx, q, p), a.Scores.Model().Fill(ctx, q, now, p), stage.Fill(ctx, q, p),
			counters.Read(ctx, q, p, a.model.counted(), now))
	}
}

// api adds the API to the port.
func (a *App) api(person journey.PersonReader) *httpapi.API {
	return a.Server.API(httpapi.Parts{Stores: a.Stores, Keys: a.Keys, Clock: a.Clock, Zone: a.Config.Location, Gate: a.Gate, Log: a.Log,
		Timeline: a.Timeline, Tally: a.Tally, Pipeline: a.Pipeline, Upkeep: a.Upkeep, People: a.People, Tags: a.Tags, Scores: a.Scores, Stages: a.Stages,
		Journeys: a.Journeys, Outbox: a.Outbox, Ways: a.ways, Accounts: a.Accounts, Tokens: a.Tokens, SMSTemplates: a.SMSTemplates, Staff: a.Staff, Shares: share.NewDirectory(a.Stores.Koi), Settings: a.Settings,
		Bundles: a.Bundles, Audit: a.Audit, Relations: relations, Webhooks: a.Webhooks, TryWebhook: a.tryWebhook, Person: person,
		SignIn: a.signIn, QRCode: a.qrCode, CheckSMS: a.aliyun.Check, Doctor: a.Doctor, Contents: content.NewDirectory(a.Stores.Koi), DrawPage: h5.Preview,
		PublicURL: a.Config.PublicURL, Version: Version})
}

func (a *App) qrCode(ctx context.Context, acc account.Official, scene string, life time.Duration) (string, time.Time, error) {
	code, err := officialaccount.NewQRCode(ctx, a.caller, a.Clock, acc, scene, life)
	return code.URL, code.Until, err
}

// Version is set by the build.
var Version = "dev"

// SetupLink is the one-time link that creates the first administrator; "" where there are users already.
func (a *App) SetupLink(ctx context.Context) (string, error) {
	token, needed, err := a.Gate.SetupToken(ctx)
	if err != nil || !needed {
		return "", err
	}
	base := a.Config.PublicURL
	if base == "" {
		base = "http://" + a.listener.Addr().String()
	}
	return base + httpapi.SetupPath + "#" + token, nil
}
