package simulator

import "time"

// The two customer-service windows of an official account (客服消息, "下发条数限制", since 2023-06-12):
// after a message from the user five messages within 48 h; after a follow, a scan or a menu click three
// within a minute. An allowance is renewed whole by each new act; they don't add up. While both are open
// the short one is used first, since it ends first.
const (
	messageWindow = 48 * time.Hour
	actionWindow  = time.Minute
)

// allowance is a number of messages until an instant (Unix ms, exclusive).
type allowance struct {
	until int64
	left  int
}

func (a *allowance) open(now int64) bool { return now < a.until }

// wrote opens the long window, acted the short one.
func (f *follower) wrote(now int64, n int) {
	f.message = allowance{now + messageWindow.Milliseconds(), n}
}

func (f *follower) acted(now int64, n int) {
	f.action = allowance{now + actionWindow.Milliseconds(), n}
}

// spend takes one message off an open window: 0, or 45015 when none is open and 45047 when those that
// are open are used up.
func (f *follower) spend(now int64) int { return spendOf(now, &f.action, &f.message) }

// spendOf takes one message off the first of two allowances that has one.
func spendOf(now int64, short, long *allowance) int {
	for _, a := range []*allowance{short, long} {
		if a.open(now) && a.left != 0 {
			if a.left != unlimited {
				a.left--
			}
			return 0
		}
	}
	if short.open(now) || long.open(now) {
		return 45047
	}
	return 45015
}
