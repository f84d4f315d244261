package httpapi

import (
	"context"
	"time"

	"github.com/koi-scrm/koi/app/fault"
)

// Finding is what one check of the doctor found out.
type Finding struct {
	Check        string `json:"check" doc:"看了什么"`
	Account      string `json:"account,omitempty" doc:"哪个账号；没有则关于整个系统"`
	Verdict      string `json:"verdict" doc:"ok warning bad by_hand"`
	VerdictLabel string `json:"verdict_label"`
	What         string `json:"what" doc:"看到了什么"`
	Do           string `json:"do,omitempty" doc:"该怎么办；没有则不用做什么"`
}

// Examination is what the doctor says of the whole Koi.
type Examination struct {
	At       time.Time `json:"at"`
	TookMs   int64     `json:"took_ms"`
	Findings []Finding `json:"findings"`
}

// examineWithin bounds an examination: platforms that don't answer are findings by then.
const examineWithin = 30 * time.Second

// examine is `koi doctor`, asked from outside. The platforms are really asked, so one is under way at a time.
// Fault: Limited.
func (a *API) examine(ctx context.Context, _ *struct{}) (*answer[Examination], error) {
	if !a.examining.TryLock() {
		return nil, fault.New(fault.Limited, "体检正在进行：请等它结束（最多 %d 秒）再试", int(examineWithin.Seconds()))
	}
	defer a.examining.Unlock()
	ctx, cancel := context.WithTimeout(ctx, examineWithin)
	defer cancel()
	began := a.Clock.Wall()
	list := a.Doctor.Examine(ctx)
	ended := a.Clock.Wall()
	out := Examination{At: ended.In(a.Zone), TookMs: ended.Sub(began).Milliseconds(), Findings: []Finding{}}
	for _, f := range list {
		out.Findings = append(out.Findings, Finding{f.Check, f.Account, string(f.Verdict), f.Verdict.Label(), f.What, f.Do})
	}
	return &answer[Examination]{out}, nil
}
