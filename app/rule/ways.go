package rule

// Ways are the ways to a person that wear out, as app/reach knows them. Both are asked for when a condition
// needs them, and may be asked for any person of the batch.
type Ways interface {
	Windows(p *Person) []Window
	Balances(p *Person) []Balance
}

// Window is the customer-service window of a person at one official account or mini-program: two windows
// side by side, each with an end (Unix ms) and messages left.
type Window struct {
	App                       string
	MessageUntil, ActionUntil int64
	MessageLeft, ActionLeft   int64
	Closed                    bool // before its time: unfollowed, or the platform refused
}

// left is how many messages may still go.
func (w Window) left(now int64) (n int64) {
	if w.Closed {
		return 0
	}
	if w.MessageUntil > now {
		n += w.MessageLeft
	}
	if w.ActionUntil > now {
		n += w.ActionLeft
	}
	return n
}

// lasts is for how many ms a message may still go.
func (w Window) lasts(now int64) (ms int64) {
	if w.Closed {
		return 0
	}
	if w.MessageLeft > 0 {
		ms = max(ms, w.MessageUntil-now)
	}
	if w.ActionLeft > 0 {
		ms = max(ms, w.ActionUntil-now)
	}
	return ms
}

// Balance is what a subscription leaves. Left of a long-term one is Unlimited.
type Balance struct {
	Account, Template string
	Kind              string // BalanceNotice, BalanceOnce, BalanceMini
	Left              int64
}

// Kinds of balances.
const (
	BalanceNotice = "notice" // 订阅通知 of an official account
	BalanceOnce   = "once"   // 一次性订阅
	BalanceMini   = "mini"   // subscription messages of a mini-program
)

// Unlimited is what is left of a long-term subscription.
const Unlimited = 1000

func (p *Person) windows() []Window {
	if p.Ways == nil {
		return nil
	}
	return p.Ways.Windows(p)
}

func (p *Person) balances() []Balance {
	if p.Ways == nil {
		return nil
	}
	return p.Ways.Balances(p)
}
