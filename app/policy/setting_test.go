package policy_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/policy"
	"github.com/koi-scrm/koi/app/setting"
)

func item(body string) []setting.Item {
	return []setting.Item{{Kind: policy.KindPolicy, Key: policy.Default, Body: json.RawMessage(body)}}
}

func TestCompile_takes_what_is_said_and_defaults_for_the_rest(t *testing.T) {
	t.Parallel()
	p, problems := policy.Compile(nil, shanghai)
	require.Empty(t, problems)
	require.Equal(t, policy.Defaults(), p.Limits)

	p, problems = policy.Compile(item(`{}`), shanghai)
	require.Empty(t, problems)
	require.Equal(t, policy.Defaults(), p.Limits)

	p, problems = policy.Compile(item(`{"marketing":{"day":2,"month":20},"quiet":{"from":"22:30","to":"08:00"},"sms_hours":{"from":"10:00","to":"18:00"},
		"template_day":0,"fresh_minutes":90,"staff":{"alerts_hour":12,"seat_day":500},"accounts":{"sms":{"day":5000,"month":90000},"official_kf":{"day":0}}}`), shanghai)
	require.Empty(t, problems)
	want := policy.Defaults()
	want.MarketingDay, want.MarketingMonth, want.TemplateDay, want.StaffAlertsHour, want.AppSeatDay = 2, 20, 0, 12, 500
	want.QuietFrom, want.QuietTo = 22*time.Hour+30*time.Minute, 8*time.Hour
	want.SMSFrom, want.SMSTo, want.Fresh = 10*time.Hour, 18*time.Hour, 90*time.Minute
	want.Accounts[policy.SMS] = policy.AccountLimit{Day: 5000, Month: 90000}
	want.Accounts[policy.OfficialKF] = policy.AccountLimit{}
	require.Equal(t, want, p.Limits)
}

func TestCompile_tells_every_mistake_and_keeps_the_defaults(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][]string{
		`{"marketing":{"day":0,"week":-1}}`:                {"policy/default/marketing.day", "policy/default/marketing.week"},
		`{"marketting":{"day":1}}`:                         {"policy/default/marketting"},
		`{"quiet":{"from":"25:00","to":"9点"}}`:             {"policy/default/quiet.from", "policy/default/quiet.to"},
		`{"sms_hours":{"from":"20:00","to":"09:00"}}`:      {"policy/default/sms_hours"},
		`{"accounts":{"smss":{"day":1},"sms":{"day":-1}}}`: {"policy/default/accounts.sms", "policy/default/accounts.smss"},
		`{"staff":{"member_minute":31}}`:                   {"policy/default/staff.member_minute"},
	} {
		p, problems := policy.Compile(item(body), shanghai)
		var paths []string
		for _, x := range problems {
			paths = append(paths, x.Path)
			require.NotEmpty(t, x.Message)
		}
		require.Equal(t, want, paths, body)
		require.Equal(t, policy.Defaults(), p.Limits, body)
	}
	other := item(`{}`)
	other[0].Key = "mine"
	_, problems := policy.Compile(other, shanghai)
	require.Len(t, problems, 1)
}
