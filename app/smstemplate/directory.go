package smstemplate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/fault"
)

// Source asks Aliyun; channels/sms implements it. Errors are faults with a Chinese sentence.
type Source interface {
	// Templates lists all templates of the account's access key.
	Templates(ctx context.Context, acc account.SMS) ([]Template, error)
	// Template reads one. Fault: NotFound when Aliyun has none.
	Template(ctx context.Context, acc account.SMS, code string) (Template, error)
}

const (
	// refreshEvery is how often the mirror is read anew, and retryEvery how often after a failure.
	refreshEvery = 24 * time.Hour
	retryEvery   = 30 * time.Minute
	// askAgain is how long a refusal of one template stands before Aliyun is asked about it again: an
	// approval is to count soon, and a broken message must not become a flood of questions.
	askAgain = time.Minute
	// askTime bounds one question, since a message waits for it; maxAsked how many are remembered.
	askTime  = 2 * time.Second
	maxAsked = 10_000
)

// Directory is the mirror. Looking a template up costs no query and is safe from any goroutine.
type Directory struct {
	store    store
	clk      clock.Clock
	accounts *account.Directory
	source   Source
	changed  chan struct{}

	refreshing sync.Mutex    // one reading of Aliyun at a time
	judging    sync.Mutex    // one question about a template at a time
	asked      map[key]int64 // when, wall Unix ms; guarded by judging
	mu         sync.Mutex    // one change of the view at a time
	view       atomic.Pointer[view]
}

type key struct{ account, code string }

// view is the mirror at one moment; it is never changed.
type view struct {
	templates map[key]Template
	reviews   map[string]Review
}

// Review says how far an account's mirror can be trusted. Times are wall time in Unix ms.
type Review struct {
	Account string
	TriedAt int64  // when Aliyun was last asked
	SeenAt  int64  // when it last answered; 0: never, then nothing is known of the account's templates
	Problem string // Chinese: why the last reading failed; "" when it did not
}

// NewDirectory makes an empty mirror; Load or Run fills it.
func NewDirectory(d *db.DB, clk clock.Clock, accounts *account.Directory, source Source) *Directory {
	m := &Directory{store: store{d}, clk: clk, accounts: accounts, source: source, changed: make(chan struct{}, 1), asked: map[key]int64{}}
	m.view.Store(&view{templates: map[key]Template{}, reviews: map[string]Review{}})
	accounts.OnChange(func() {
		select {
		case m.changed <- struct{}{}:
		default:
		}
	})
	return m
}

// Load takes over what is stored.
func (d *Directory) Load(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, err := d.store.load(ctx)
	if err != nil {
		return err
	}
	d.view.Store(v)
	return nil
}

// Find returns a template of a signature. known is false while the account's templates were never read:
// then nothing can be said of any of its templates, and ok is false too.
func (d *Directory) Find(account, code string) (t Template, ok, known bool) {
	v := d.view.Load()
	t, ok = v.templates[key{account, code}]
	return t, ok, v.reviews[account].SeenAt > 0
}

// Usable says why messages of a kind cannot use a template of a signature, in Chinese; "" when they can, or
// when nothing is known of the account. Without a signature the first one is meant, as when sending. It asks
// nobody: publish checks use it.
func (d *Directory) Usable(account, code string, kind Kind) string {
	if list := d.accounts.SMSes(); account == "" && len(list) > 0 {
		account = list[0].ID()
	}
	t, ok, known := d.Find(account, code)
	switch {
	case !known:
		return ""
	case !ok:
		return absent(code)
	}
	return t.Usable(kind)
}

func absent(code string) string {
	return fmt.Sprintf("阿里云账户里没有短信模板 %s：请核对模板 CODE，或在阿里云申请后在这里刷新", code)
}

// List returns the templates, by account and code, and each account's review.
func (d *Directory) List() ([]Template, []Review) {
	v := d.view.Load()
	templates := make([]Template, 0, len(v.templates))
	for _, t := range v.templates {
		templates = append(templates, t)
	}
	slices.SortFunc(templates, func(a, b Template) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Code, b.Code))
	})
	var reviews []Review
	for _, acc := range d.accounts.SMSes() {
		r := v.reviews[acc.ID()]
		r.Account = acc.ID()
		reviews = append(reviews, r)
	}
	return templates, reviews
}

// Judge says why a message may not be sent with a template, in Chinese; "" when it may. A refusal the mirror
// would make is checked with Aliyun first, at most once a minute for each template, so that an approval
// counts at once.
func (d *Directory) Judge(ctx context.Context, acc account.SMS, code string, kind Kind) (Template, string) {
	t, _, known := d.Find(acc.ID(), code)
	problem := d.Usable(acc.ID(), code, kind)
	if !known || problem == "" {
		return t, ""
	}
	d.judging.Lock()
	defer d.judging.Unlock()
	if d.asks(ctx, acc, code) {
		t, _, _ = d.Find(acc.ID(), code)
		problem = d.Usable(acc.ID(), code, kind)
	}
	return t, problem
}

// asks asks Aliyun about one template and reports whether it learned something. The caller holds judging.
func (d *Directory) asks(ctx context.Context, acc account.SMS, code string) bool {
	now := clock.Ms(d.clk.Wall())
	k := key{acc.ID(), code}
	t, ok, _ := d.Find(acc.ID(), code)
	read := t.SeenAt
	if !ok {
		read = d.view.Load().reviews[acc.ID()].SeenAt
	}
	switch {
	case now-read < askAgain.Milliseconds():
		return false
	case now-d.asked[k] < askAgain.Milliseconds():
		return true // somebody else did, while we waited
	}
	if len(d.asked) >= maxAsked {
		clear(d.asked)
	}
	d.asked[k] = now
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	fresh, err := d.source.Template(ctx, acc, code)
	switch {
	case fault.Is(err, fault.NotFound) && ok: // it is gone
		t.State, t.SeenAt = Cancelled, now
		d.put(ctx, t)
		return true
	case err != nil:
		return false // what was seen last stands
	}
	fresh.Account, fresh.Code, fresh.SeenAt = acc.ID(), code, now
	d.put(ctx, fresh)
	return true
}

// put keeps one template.
func (d *Directory) put(ctx context.Context, t Template) {
	if err := d.store.put(ctx, t); err != nil {
		slog.Warn("短信模板的审核状态没有存下来，下次刷新时再存", "template", t.Code, "err", err)
	}
	d.edit(func(v *view) { v.templates[key{t.Account, t.Code}] = t })
}

func (d *Directory) edit(f func(v *view)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v := d.view.Load().clone()
	f(v)
	d.view.Store(v)
}

// Refresh reads the templates of every account from Aliyun now. An account that cannot be read keeps what
// was seen before, with the problem in its Review; Refresh itself fails only when nothing can be stored.
func (d *Directory) Refresh(ctx context.Context) error {
	return d.refresh(ctx, func(Review) bool { return true })
}

func (d *Directory) refresh(ctx context.Context, due func(Review) bool) error {
	d.refreshing.Lock()
	defer d.refreshing.Unlock()
	type answer struct {
		list []Template
		err  error
	}
	asked := map[string]answer{} // by access key: several signatures share one
	for _, acc := range d.accounts.SMSes() {
		r := d.view.Load().reviews[acc.ID()]
		if !due(r) {
			continue
		}
		got, done := asked[acc.AccessKeyID]
		if !done {
			got.list, got.err = d.source.Templates(ctx, acc)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			asked[acc.AccessKeyID] = got
		}
		now := clock.Ms(d.clk.Wall())
		r.Account, r.TriedAt, r.Problem = acc.ID(), now, ""
		var list []Template
		if got.err != nil {
			r.Problem = sentence(got.err)
		} else {
			r.SeenAt = now
			for _, t := range got.list {
				t.Account, t.SeenAt = acc.ID(), now
				list = append(list, t)
			}
		}
		if err := d.keep(ctx, r, list); err != nil {
			return err
		}
	}
	return d.forget(ctx)
}

// forget drops what is known of signatures that are no accounts any more.
func (d *Directory) forget(ctx context.Context) error {
	for name := range d.view.Load().reviews {
		if _, ok := d.accounts.SMS(name); ok {
			continue
		}
		if err := d.store.remove(ctx, name); err != nil {
			return err
		}
		d.edit(func(v *view) {
			delete(v.reviews, name)
			maps.DeleteFunc(v.templates, func(k key, _ Template) bool { return k.account == name })
		})
	}
	return nil
}

// keep stores a reading and shows it.
func (d *Directory) keep(ctx context.Context, r Review, list []Template) error {
	if err := d.store.replace(ctx, r, list); err != nil {
		return err
	}
	d.edit(func(v *view) {
		v.reviews[r.Account] = r
		if r.Problem != "" {
			return
		}
		maps.DeleteFunc(v.templates, func(k key, _ Template) bool { return k.account == r.Account })
		for _, t := range list {
			v.templates[key{t.Account, t.Code}] = t
		}
	})
	return nil
}

// Run loads the mirror and keeps it fresh until ctx ends.
func (d *Directory) Run(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Minute)
	defer tick.Stop()
	loaded := false
	for {
		if !loaded {
			err := d.Load(ctx)
			loaded = err == nil
			if err != nil && ctx.Err() == nil {
				slog.Warn("短信模板读不出来，稍后重试", "err", err)
			}
		}
		if loaded {
			if err := d.refresh(ctx, d.due); err != nil && ctx.Err() == nil {
				slog.Warn("短信模板的审核状态没有刷新，稍后重试", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-d.changed:
		}
	}
}

// sentence is what a user may read of an error.
func sentence(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Message
	}
	return "读不到阿里云的短信模板：请稍后重试，详情见日志"
}

// due reports whether an account is to be read by itself again.
func (d *Directory) due(r Review) bool {
	wait := refreshEvery
	if r.Problem != "" {
		wait = retryEvery
	}
	return clock.Ms(d.clk.Wall())-r.TriedAt >= wait.Milliseconds()
}
