package auth

import (
	"maps"
	"slices"

	"github.com/koi-scrm/koi/app/fault"
)

// Role is what a user is in the firm. What each may do stands in one table here.
type Role string

// The roles.
const (
	Admin    Role = "admin"
	Marketer Role = "marketer"
	Analyst  Role = "analyst"
	Sales    Role = "sales"
	Leader   Role = "leader"
	Employee Role = "employee"
)

// Roles lists the roles, the mightiest first.
func Roles() []Role { return []Role{Admin, Marketer, Analyst, Leader, Sales, Employee} }

var roleLabels = map[Role]string{Admin: "管理员", Marketer: "市场", Analyst: "分析", Leader: "主管", Sales: "销售", Employee: "员工"}

// Label is the role's Chinese name, "" for an unknown one.
func (r Role) Label() string { return roleLabels[r] }

// Permission is one thing a route may ask for.
type Permission string

// The permissions.
const (
	ReadContacts     Permission = "contacts.read"
	RevealContacts   Permission = "contacts.reveal"
	WriteContacts    Permission = "contacts.write"
	ReadMessages     Permission = "messages.read"
	RetryMessages    Permission = "messages.retry"
	ReadJourneys     Permission = "journeys.read"
	RunJourneys      Permission = "journeys.run"
	ReadDefinitions  Permission = "definitions.read"
	WriteDefinitions Permission = "definitions.write"
	ReadStaff        Permission = "staff.read"
	WriteEvents      Permission = "events.write"
	ReadAccounts     Permission = "accounts.read"
	WriteAccounts    Permission = "accounts.write"
	ReadSystem       Permission = "system.read"
	Repair           Permission = "system.repair"
	ManageUsers      Permission = "users.manage"
	ManageKeys       Permission = "keys.manage"
	ReadAudit        Permission = "audit.read"
	ReadShares       Permission = "shares.read"
	WriteShares      Permission = "shares.write"
	ReverseShares    Permission = "shares.reverse"
)

var permissionLabels = map[Permission]string{
	ReadContacts: "查看客户", RevealContacts: "查看完整的手机号和邮箱", WriteContacts: "修改客户", ReadMessages: "查看消息", RetryMessages: "重试消息",
	ReadJourneys: "查看旅程", RunJourneys: "手动进入旅程", ReadDefinitions: "查看配置", WriteDefinitions: "修改配置", ReadStaff: "查看员工",
	WriteEvents: "上报事件", ReadAccounts: "查看平台账号", WriteAccounts: "管理平台账号", ReadSystem: "查看系统状态",
	Repair: "处理死信", ManageUsers: "管理用户", ManageKeys: "管理接口密钥", ReadAudit: "查看审计日志",
	ReadShares: "查看分享", WriteShares: "生成分享链接", ReverseShares: "撤销分享业绩",
}

// Label is the permission's Chinese name, "" for an unknown one.
func (p Permission) Label() string { return permissionLabels[p] }

// Permissions lists every permission by name.
func Permissions() []Permission { return slices.Sorted(maps.Keys(permissionLabels)) }

// granted says what each role may. Sales and leaders may do it to the customers in their data scope (see
// Reach), and to one they were alerted to; an employee sees none. Marketers work with crowds, so they see
// personal values masked only.
var granted = map[Role][]Permission{
	Admin: Permissions(),
	Marketer: {ReadContacts, WriteContacts, ReadMessages, RetryMessages, ReadJourneys, RunJourneys, ReadDefinitions, WriteDefinitions, ReadStaff,
		WriteEvents, ReadAccounts, ReadSystem, ReadShares, WriteShares, ReverseShares},
	Analyst:  {ReadContacts, ReadMessages, ReadJourneys, ReadDefinitions, ReadStaff, ReadAccounts, ReadSystem, ReadShares},
	Leader:   {ReadContacts, WriteContacts, RevealContacts, ReadMessages, RetryMessages, ReadJourneys, RunJourneys, ReadDefinitions, ReadStaff, ReadShares, WriteShares},
	Sales:    {ReadContacts, WriteContacts, RevealContacts, ReadMessages, ReadJourneys, ReadDefinitions, ReadStaff, ReadShares, WriteShares},
	Employee: {ReadShares, WriteShares}, // their own shares
}

// Reach is how far a role's rights go among customers: the data scope. Beyond it, unless it is Nobody, stand
// single customers whom the staff member, or whoever the member leads, was alerted to; they are no part of
// the scope and in no list of customers (see app/httpapi/scope.go).
type Reach int

// The reaches, the narrowest first.
const (
	Nobody    Reach = iota // no customer
	Own                    // customers who are or were friends of the staff member
	Team                   // those, and the customers of whoever the member leads
	Everybody              // all
)

var reaches = map[Role]Reach{Admin: Everybody, Marketer: Everybody, Analyst: Everybody, Leader: Team, Sales: Own}

// Reach is how far the role's rights go.
func (r Role) Reach() Reach { return reaches[r] }

// Permissions lists what the role may, by name.
func (r Role) Permissions() []Permission { return slices.Sorted(slices.Values(granted[r])) }

// Principal is whoever makes a call: a user with a session, or a program with a key.
type Principal struct {
	UserID int64 // 0 for a key
	KeyID  int64 // 0 for a user
	Login  string
	Name   string
	Role   Role   // of a key: the one it was made with, "" when it has scopes of its own
	Staff  string // "CorpID/userid" of the staff member the user is, or the key works for; "" for none
	may    []Permission
}

// Reach is how far the principal's rights go among customers. A key with scopes of its own is a system of
// the firm: it sees all, unless it works for a staff member.
func (p *Principal) Reach() Reach {
	switch {
	case p.Role != "":
		return p.Role.Reach()
	case p.KeyID != 0 && p.Staff == "":
		return Everybody
	case p.KeyID != 0:
		return Own
	}
	return Nobody
}

// May reports whether the principal has the permission.
func (p *Principal) May(want Permission) bool { return slices.Contains(p.may, want) }

// Permissions lists what the principal may.
func (p *Principal) Permissions() []Permission { return slices.Clone(p.may) }

// Require is May as an error. Fault: Denied.
func (p *Principal) Require(want Permission) error {
	if p.May(want) {
		return nil
	}
	who := "这个接口密钥"
	if p.UserID != 0 {
		who = "您的角色（" + p.Role.Label() + "）"
	}
	return fault.New(fault.Denied, "%s没有「%s」的权限：请联系管理员", who, want.Label())
}

// By names the principal in histories: "user:anna", "key:订单系统".
func (p *Principal) By() string {
	if p.KeyID != 0 {
		return "key:" + p.Name
	}
	return "user:" + p.Login
}

// over reports whether one who may all of b could give it away: nobody makes someone mightier than himself.
func (p *Principal) over(b []Permission) bool {
	return !slices.ContainsFunc(b, func(x Permission) bool { return !p.May(x) })
}
