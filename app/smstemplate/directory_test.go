package smstemplate

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/configs"
)

// aliyun is the other side: templates by access key.
type aliyun struct {
	mu        sync.Mutex
	templates map[string][]Template
	err       error
	lists     int
	singles   int
}

func (a *aliyun) Templates(_ context.Context, acc account.SMS) ([]Template, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lists++
	return append([]Template(nil), a.templates[acc.AccessKeyID]...), a.err
}

func (a *aliyun) Template(_ context.Context, acc account.SMS, code string) (Template, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.singles++
	for _, t := range a.templates[acc.AccessKeyID] {
		if t.Code == code && a.err == nil {
			return t, nil
		}
	}
	if a.err != nil {
		return Template{}, a.err
	}
	return Template{}, fault.New(fault.NotFound, "没有")
}

func (a *aliyun) review(key string, list ...Template) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.templates[key] = list
}

func (a *aliyun) asked() (lists, singles int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lists, a.singles
}

func newMirror(t *testing.T, s *db.Stores) (*Directory, *aliyun, *clock.Manual, *account.Directory) {
	t.Helper()
	clk := clock.NewManual(time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC))
	keys, err := secret.New(make([]byte, secret.MasterSize))
	require.NoError(t, err)
	accounts := account.New(s, keys, clk, configs.Accounts{SMS: []configs.SMSAccount{
		{AccessKeyID: "one", AccessKeySecret: "x", SignName: "甲店"}, {AccessKeyID: "one", AccessKeySecret: "x", SignName: "乙店"},
		{AccessKeyID: "two", AccessKeySecret: "x", SignName: "丙店"}}})
	a := &aliyun{templates: map[string][]Template{}}
	return NewDirectory(s.Koi, clk, accounts, a), a, clk, accounts
}

var (
	good    = Template{Code: "SMS_1", Name: "通知", Kind: Notice, Content: "${name}您好，${time}见。", State: Approved}
	waiting = Template{Code: "SMS_2", Name: "等待", Kind: Notice, Content: "您好", State: Reviewing}
)

func TestDirectory_mirrors_what_Aliyun_says_and_keeps_it_over_a_restart(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		d, a, clk, accounts := newMirror(t, s)
		require.Empty(t, d.Usable("甲店", "SMS_2", Notice), "nothing is known yet")
		a.review("one", good, waiting)
		require.NoError(t, d.Refresh(t.Context()))
		lists, _ := a.asked()
		require.Equal(t, 2, lists, "two signatures of one key need one question")
		for _, sign := range []string{"甲店", "乙店"} {
			require.Empty(t, d.Usable(sign, "SMS_1", Notice))
			require.Contains(t, d.Usable(sign, "SMS_2", Notice), "审核中")
			require.Contains(t, d.Usable(sign, "SMS_1", Marketing), "不能当作推广短信")
			require.Contains(t, d.Usable(sign, "SMS_9", Notice), "没有短信模板 SMS_9")
		}
		require.Contains(t, d.Usable("丙店", "SMS_1", Notice), "没有短信模板")
		require.Equal(t, d.Usable("丙店", "SMS_1", Notice), d.Usable("", "SMS_1", Notice), "without a signature the first is meant")

		next := NewDirectory(s.Koi, clk, accounts, a)
		require.NoError(t, next.Load(t.Context()))
		was, reviewsWere := d.List()
		is, reviewsAre := next.List()
		require.Equal(t, was, is)
		require.Equal(t, reviewsWere, reviewsAre)
		require.Len(t, is, 4)
		require.Equal(t, []string{"name", "time"}, is[0].Variables())

		a.review("one", good)
		require.NoError(t, next.Refresh(t.Context()))
		is, _ = next.List()
		require.Len(t, is, 2, "what Aliyun deleted is gone")
	})
}

func TestDirectory_keeps_what_it_saw_when_Aliyun_does_not_answer(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		d, a, clk, _ := newMirror(t, s)
		a.review("one", good)
		require.NoError(t, d.Refresh(t.Context()))
		a.err = fault.New(fault.Unavailable, "AccessKey 没有短信权限")
		clk.Advance(time.Hour)
		require.NoError(t, d.Refresh(t.Context()))
		require.Empty(t, d.Usable("甲店", "SMS_1", Notice))
		_, reviews := d.List()
		require.Equal(t, "AccessKey 没有短信权限", reviews[2].Problem)
		require.Less(t, reviews[2].SeenAt, reviews[2].TriedAt)
		require.True(t, d.due(Review{}))
		require.False(t, d.due(reviews[0]))
		clk.Advance(31 * time.Minute)
		require.True(t, d.due(reviews[0]), "after a failure it tries again soon")
	})
}

func TestDirectory_asks_again_before_it_refuses_to_send_but_not_all_the_time(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		d, a, clk, accounts := newMirror(t, s)
		acc, ok := accounts.SMS("甲店")
		require.True(t, ok)
		_, problem := d.Judge(t.Context(), acc, "SMS_2", Notice)
		require.Empty(t, problem, "nothing is known")
		a.review("one", waiting)
		require.NoError(t, d.Refresh(t.Context()))
		clk.Advance(2 * time.Minute)
		for range 3 {
			_, problem = d.Judge(t.Context(), acc, "SMS_2", Notice)
			require.Contains(t, problem, "审核中")
			_, problem = d.Judge(t.Context(), acc, "SMS_3", Notice)
			require.Contains(t, problem, "没有短信模板")
		}
		_, singles := a.asked()
		require.Equal(t, 2, singles)

		approved, fresh := waiting, good
		approved.State, fresh.Code = Approved, "SMS_3"
		a.review("one", approved, fresh)
		clk.Advance(2 * time.Minute)
		_, problem = d.Judge(t.Context(), acc, "SMS_2", Notice)
		require.Empty(t, problem)
		got, problem := d.Judge(t.Context(), acc, "SMS_3", Notice)
		require.Empty(t, problem)
		require.Equal(t, good.Content, got.Content)
		for range 3 {
			_, problem = d.Judge(t.Context(), acc, "SMS_2", Notice)
			require.Empty(t, problem)
		}
		_, singles = a.asked()
		require.Equal(t, 4, singles, "what is approved is not asked about")
	})
}

func TestDirectory_reads_by_itself_when_an_account_comes(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		d, a, _, accounts := newMirror(t, s)
		a.review("one", good)
		a.review("LTAIthree", waiting)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		until := func(sign string) {
			t.Helper()
			late := time.After(20 * time.Second)
			for {
				if _, _, known := d.Find(sign, "SMS_1"); known {
					return
				}
				select {
				case <-time.After(2 * time.Millisecond):
				case <-late:
					t.Fatal("was never read")
				}
			}
		}
		until("甲店")
		id, secretValue := "LTAIthree", "secret-of-three"
		_, err := accounts.Add(ctx, account.Change{Kind: account.KindSMS, App: "丁店", AccessKeyID: &id, Secret: &secretValue}, "test")
		require.NoError(t, err)
		until("丁店")
		require.Contains(t, d.Usable("丁店", "SMS_2", Notice), "审核中")
		require.NoError(t, accounts.Delete(ctx, account.KindSMS, "丁店"))
		require.NoError(t, d.Refresh(ctx))
		_, ok, known := d.Find("丁店", "SMS_2")
		require.False(t, ok || known, "an account that is gone has no templates")
		cancel()
		require.NoError(t, <-done)
	})
}

func TestTemplate_says_what_does_not_fit(t *testing.T) {
	t.Parallel()
	full := map[string]string{"name": "陈晨", "time": "明天"}
	require.Equal(t, "陈晨您好，明天见。", good.Render(full))
	for _, c := range []struct {
		params        map[string]string
		misset, unfit string
	}{
		{full, "", ""},
		{map[string]string{"name": "陈晨"}, "变量 time 没有填", ""},
		{map[string]string{"name": "陈晨", "time": "明天", "b": "1", "a": "2"}, "没有变量 a、b", ""},
		{map[string]string{"name": "", "time": "明天"}, "", "变量 name 有 0 个字"},
		{map[string]string{"name": "陈晨", "time": "一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十一二三四五六"}, "", "有 36 个字"},
	} {
		misset, unfit := good.Fits(c.params)
		require.Contains(t, misset, c.misset)
		require.Equal(t, c.misset == "", misset == "")
		require.Contains(t, unfit, c.unfit)
		require.Equal(t, c.unfit == "", unfit == "")
	}
	rejected := good
	rejected.State, rejected.Reason = Rejected, "含营销内容"
	require.Contains(t, rejected.Usable(Notice), "含营销内容")
}
