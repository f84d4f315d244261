package rule

import (
	"slices"

	"github.com/koi-scrm/koi/app/contact"
)

// Leaf is the definition of one kind of condition: everything the console needs to offer it, and how it
// compiles.
type Leaf struct {
	Name    string `json:"name"`    // in trees, stable for ever
	Label   string `json:"label"`   // Chinese
	Group   string `json:"group"`   // 属性, 员工关系, 标签, 指标, 阶段, 行为, 可触达
	Explain string `json:"explain"` // one line
	About   About  `json:"about,omitempty"`
	// Ops are the leaf's operators; a leaf about a field has those of the field's type (see FieldOps).
	Ops []Op `json:"ops,omitempty"`
	// Windowed leaves take days; those about an event take where.
	Windowed bool `json:"windowed,omitempty"`

	compile func(l *leafNode) cond
}

// About is what a leaf's key names.
type About string

// What keys name. Accounts may be left out: any account.
const (
	AboutNothing About = ""
	AboutField   About = "field"
	AboutTag     About = "tag"
	AboutScore   About = "score"
	AboutEvent   About = "event"
	AboutAccount About = "account" // AppID of an official account or mini-program
)

// Op is an operator.
type Op struct {
	Name   string `json:"name"`
	Label  string `json:"label"`
	Editor Editor `json:"editor,omitempty"`
}

// Editor is how the operator's value is entered, and its JSON form.
type Editor string

// The editors and the JSON they give.
const (
	EditNone    Editor = ""        // no value
	EditText    Editor = "text"    // "上海"
	EditTexts   Editor = "texts"   // ["上海", "杭州"]
	EditNumber  Editor = "number"  // 5, whole
	EditNumbers Editor = "numbers" // [5, 10], both included
	EditDate    Editor = "date"    // "2026-11-22"
	EditDates   Editor = "dates"   // ["2026-11-01", "2026-11-30"], both included
	EditDays    Editor = "days"    // 7: calendar days, today included
	EditOption  Editor = "option"  // an option's key
	EditOptions Editor = "options" // several
	EditTags    Editor = "tags"    // tag keys
	EditStages  Editor = "stages"  // stage keys
	EditStaff   Editor = "staff"   // userids, or "corpid/userid"
	EditSources Editor = "sources" // manual, rule, journey, model, custom
	EditGrades  Editor = "grades"  // "A" to "D"
	EditLevels  Editor = "levels"  // 1 to 4
	EditCells   Editor = "cells"   // "A1" to "D4"

	EditPurposes Editor = "purposes" // privacy, marketing_sms, …: see contact.Purposes
	EditOptOuts  Editor = "opt_outs" // sms, email, wechat, all
)

// Leaves lists the registry in the order a menu shows it.
func Leaves() []Leaf { return slices.Clone(registry) }

var registry = slices.Concat(attributeLeaves, staffLeaves, tagLeaves, scoreLeaves, stageLeaves, behaviourLeaves, reachLeaves, wayLeaves)

func findLeaf(name string) (Leaf, bool) {
	i := slices.IndexFunc(registry, func(l Leaf) bool { return l.Name == name })
	if i < 0 {
		return Leaf{}, false
	}
	return registry[i], true
}

// FieldOps lists the operators of fields of a type.
func FieldOps(t contact.FieldType) []Op { return slices.Clone(fieldOps[t]) }

var (
	opEmpty    = Op{"empty", "为空", EditNone}
	opNotEmpty = Op{"not_empty", "不为空", EditNone}

	textOps = []Op{
		{"eq", "等于", EditText}, {"ne", "不等于", EditText},
		{"contains", "包含", EditText}, {"not_contains", "不包含", EditText}, {"starts", "开头是", EditText},
		{"in", "属于", EditTexts}, {"not_in", "不属于", EditTexts},
	}
	numberOps = []Op{
		{"eq", "等于", EditNumber}, {"ne", "不等于", EditNumber},
		{"gt", "大于", EditNumber}, {"ge", "大于等于", EditNumber}, {"lt", "小于", EditNumber}, {"le", "小于等于", EditNumber},
		{"between", "区间", EditNumbers},
	}
	dateOps = []Op{
		{"on", "等于", EditDate}, {"before", "早于", EditDate}, {"after", "晚于", EditDate}, {"between", "区间", EditDates},
		{"last", "最近N天", EditDays}, {"not_last", "不在最近N天", EditDays},
	}
	calendarOps = append(slices.Clone(dateOps), Op{"next", "未来N天", EditDays}, Op{"anniversary", "每年的今天", EditNone})
	optionOps   = []Op{
		{"eq", "等于", EditOption}, {"ne", "不等于", EditOption}, {"in", "属于", EditOptions}, {"not_in", "不属于", EditOptions},
	}
	yesNoOps = []Op{{"yes", "是", EditNone}, {"no", "否", EditNone}}

	fieldOps = map[contact.FieldType][]Op{
		contact.Text:   maybe(textOps),
		contact.Number: maybe(numberOps),
		contact.Date:   maybe(calendarOps),
		contact.Bool:   maybe(yesNoOps),
		contact.Choice: maybe(optionOps),
	}
)

func maybe(ops []Op) []Op { return append(slices.Clone(ops), opEmpty, opNotEmpty) }

// among builds the two operators of membership in a list of one editor.
func among(e Editor) []Op { return []Op{{"in", "属于", e}, {"not_in", "不属于", e}} }
