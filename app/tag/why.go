package tag

import "github.com/koi-scrm/koi/app/rule"

// Asked is a rule about a tag, and whether its condition holds of a person now.
type Asked struct {
	Rule  *Rule
	Gives bool        // else it takes the tag
	Trace *rule.Trace // nil: the rule asks nothing beyond what happens
}

// Ask explains every rule that gives or takes a tag for one person, whose facts are filled in (counters
// as well, see Counted): the answer to 为什么没有这个标签.
func (m *Model) Ask(p *rule.Person, tagID, now int64) []Asked {
	var out []Asked
	for _, r := range m.rules {
		gives := contains(r.Add, tagID)
		if r.Off || !gives && !contains(r.Remove, tagID) {
			continue
		}
		a := Asked{Rule: r, Gives: gives}
		if r.when != nil {
			t := r.when.Explain(p, now)
			a.Trace = &t
		}
		out = append(out, a)
	}
	return out
}

func contains(list []Definition, id int64) bool {
	for i := range list {
		if list[i].ID == id {
			return true
		}
	}
	return false
}
