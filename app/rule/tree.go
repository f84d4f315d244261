// Package rule is the condition tree that segments, journeys, tag and score rules share.
package rule

import (
	"encoding/json"

	"github.com/koi-scrm/koi/app/fault"
)

// Node is the JSON form of a tree, the same in bundles, the API and the console. A node is exactly one
// of all, any, not, or a leaf.
type Node struct {
	All []Node `json:"all,omitempty"`
	Any []Node `json:"any,omitempty"`
	Not *Node  `json:"not,omitempty"`

	Leaf  string          `json:"leaf,omitempty"`  // a name of the registry, see Leaves
	Key   string          `json:"key,omitempty"`   // the field, tag, score or event the leaf is about
	Op    string          `json:"op,omitempty"`    // an operator of the leaf
	Value json.RawMessage `json:"value,omitempty"` // what the operator compares with
	Days  int             `json:"days,omitempty"`  // behaviours: 最近N天; absent: 累计
	Where []Where         `json:"where,omitempty"` // behaviours: conditions on the event
}

// Where is a condition on one event: on object_type, object_id, account, staff, or a property.
type Where struct {
	Prop  string          `json:"prop"`
	Op    string          `json:"op"`
	Value json.RawMessage `json:"value,omitempty"`
}

// Tree is a decoded, resolved condition. It is immutable and safe for concurrent use.
type Tree struct {
	node Node
}

// Decode reads a tree and resolves its names. It reports every problem at once; paths start with path
// ("when", then "when.all[0].value"). The tree is usable only when there is no problem.
func Decode(body json.RawMessage, path string, scope *Scope) (*Tree, []fault.Problem) {
	t := &Tree{}
	if err := json.Unmarshal(body, &t.node); err != nil {
		return nil, []fault.Problem{{Path: path, Message: "条件写法不对"}}
	}
	return t, nil
}

// Node returns the tree's JSON form.
func (t *Tree) Node() Node { return t.node }

// Match tells whether the condition holds for the person at now (business time, Unix ms).
func (t *Tree) Match(p *Person, now int64) bool { return false }

// Explain is Match with the reasons: for every part of the tree what was asked, what the person has,
// and whether that is enough.
func (t *Tree) Explain(p *Person, now int64) Trace { return Trace{} }

// Select returns the SQL that lists the ids of everyone for whom the condition holds at now.
func (t *Tree) Select(s *Schema, now int64) (string, []any) { return "", nil }

// Counted lists what must be counted for Match to answer (see Counters.Use).
func (t *Tree) Counted() []Spec { return nil }

// Trace is why, or why not, in Chinese sentences.
type Trace struct {
	OK   bool    `json:"ok"`
	Text string  `json:"text"`
	Kids []Trace `json:"kids,omitempty"`
}

// Spec is what a counter counts.
type Spec struct {
	ID CounterID
}

// Schema names the relations of other packages that the SQL form reads. Each is a table name, or a
// SELECT in parentheses that gives the columns listed.
type Schema struct {
	Contacts   string // id, created_at, last_active_at, merged_into
	Alias      string // old_id, kept_id: kept_id is always the one in use now
	Values     string // contact_id, field, num, norm
	Identities string // contact_id (who it came by, read through Alias), kind
	Staff      string // contact_id, corp_id, user_id, added_at, removed_at, removed_by
	Follows    string // contact_id, app_id, followed_at, unfollowed_at
	Events     string // id, contact_id (read through Alias), type, at, account, staff, object_type, object_id, props
	Tags       string // contact_id, tag_id, at, source, until (0: for ever)
	Scores     string // contact_id, model_id, stored
	Stages     string // contact_id, stage, at; no row before the first stage
}
