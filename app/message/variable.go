package message

import (
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/contact"
)

// Known is what variables may name beyond the fixed ones: the contact fields of the system, by key.
type Known struct {
	Fields map[string]contact.Field
}

// Variable is one thing a template may say; consoles list them.
type Variable struct {
	Name  string // as written between {{ and }}
	Label string
	Note  string // one line of explanation
	List  bool   // several values: join them or loop over them
	Open  bool   // a prefix: any property below it may be named
}

var fixed = []Variable{
	{Name: "contact.id", Label: "客户编号", Note: "系统内的客户编号"},
	{Name: "contact.display", Label: "客户称呼", Note: "姓名，没有时为昵称，再没有时为“客户”加编号"},
	{Name: "contact.stage", Label: "生命周期阶段", Note: "阶段的中文名"},
	{Name: "contact.grade", Label: "客户等级", Note: "契合度与意向组成的等级，如 A1"},
	{Name: "contact.tags", Label: "客户标签", Note: "标签的中文名", List: true},
	{Name: "contact.has_phone", Label: "有手机号", Note: "留过手机号时为“有”，否则为空"},
	{Name: "contact.has_email", Label: "有邮箱", Note: "留过邮箱时为“有”，否则为空"},
	{Name: "event.name", Label: "事件名称", Note: "触发事件的中文名，如“提交表单”"},
	{Name: "event.type", Label: "事件类型", Note: "触发事件的英文名，如 form.submitted"},
	{Name: "event.at", Label: "事件时间", Note: "触发事件发生的时间，年-月-日 时:分"},
	{Name: "event.object_type", Label: "对象类型", Note: "触发事件涉及的对象类型，如 page"},
	{Name: "event.object_id", Label: "对象编号", Note: "触发事件涉及的对象编号"},
	{Name: "event.props", Label: "事件属性", Note: "触发事件的属性，如 event.props.content", Open: true},
	{Name: "staff.name", Label: "员工姓名", Note: "收消息的员工"},
	{Name: "staff.userid", Label: "员工账号", Note: "收消息的员工的企微账号"},
	{Name: "staff.position", Label: "员工职务", Note: "收消息的员工的职务"},
	{Name: "score.intent", Label: "意向分", Note: "当前意向分，整数"},
	{Name: "score.fit", Label: "契合分", Note: "当前契合分，整数"},
	{Name: "score.reasons", Label: "得分原因", Note: "近期得分最多的几条原因", List: true},
	{Name: "links.contact", Label: "客户详情链接", Note: "打开控制台客户详情页的网址"},
	{Name: "links.staff_contact", Label: "员工端客户详情链接", Note: "打开员工工作台（手机）客户详情页的网址，发给员工的提醒用它"},
	{Name: "journey.name", Label: "旅程名称", Note: "发出消息的旅程"},
}

// Variables lists everything a template may say, contact fields included.
func Variables(known Known) []Variable {
	list := slices.Clone(fixed)
	for _, key := range sortedKeys(known.Fields) {
		label := known.Fields[key].Label
		list = append(list, Variable{Name: "contact." + key, Label: label, Note: "客户字段“" + label + "”，没填时为空"})
	}
	return list
}

// knows reports whether a reference leads to a value.
func (k Known) knows(ref reference) bool {
	name := ref.String()
	for _, v := range fixed {
		if v.Name == name && !v.Open || v.Open && strings.HasPrefix(name, v.Name+".") {
			return true
		}
	}
	if len(ref) != 2 || ref[0] != "contact" {
		return false
	}
	_, ok := k.Fields[ref[1]]
	return ok
}

// nearest is the known variable most like a mistyped one, or "" when none is near.
func (k Known) nearest(ref reference) string {
	name, best, at := ref.String(), "", 4
	for _, v := range Variables(k) {
		if d := distance(name, v.Name); d < at {
			best, at = v.Name, d
		}
	}
	return best
}

// distance is the number of single-byte edits between two short names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal, row[j] = row[j], min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
