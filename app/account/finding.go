package account

// Verdict says how a check came out.
type Verdict string

// The verdicts.
const (
	Good   Verdict = "ok"
	Doubt  Verdict = "warning" // works, but not all of it
	Bad    Verdict = "bad"     // does not work
	ByHand Verdict = "by_hand" // no interface tells; somebody has to look
)

// Label is the verdict's Chinese name.
func (v Verdict) Label() string {
	switch v {
	case Good:
		return "正常"
	case Doubt:
		return "注意"
	case Bad:
		return "有问题"
	case ByHand:
		return "需人工核对"
	}
	return string(v)
}

// Finding is what one check found out.
type Finding struct {
	Check   string  `json:"check"`             // what was looked at, in Chinese
	Account string  `json:"account,omitempty"` // the account's ID, "" when it concerns the whole installation
	Verdict Verdict `json:"verdict"`
	What    string  `json:"what"`
	Do      string  `json:"do,omitempty"` // what to do, in Chinese; "" when nothing is
}
