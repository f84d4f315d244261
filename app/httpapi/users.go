package httpapi

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/fault"
)

// User is somebody who may sign in.
type User struct {
	ID         ID         `json:"id"`
	Login      string     `json:"login"`
	Name       string     `json:"name"`
	Role       auth.Role  `json:"role"`
	RoleLabel  string     `json:"role_label"`
	Staff      *StaffName `json:"staff,omitempty" doc:"对应的员工：销售看自己的客户，主管看下属的客户"`
	Disabled   bool       `json:"disabled"`
	Rev        int64      `json:"rev" doc:"版本：修改时用 If-Match 带上，别人先改过就不会被覆盖"`
	CreatedAt  time.Time  `json:"created_at"`
	SignedInAt *time.Time `json:"signed_in_at,omitempty"`
}

func (a *API) user(u auth.User) User {
	return User{ID: ID(u.ID), Login: u.Login, Name: u.Name, Role: u.Role, RoleLabel: u.Role.Label(), Staff: a.staffOf(u.Staff), Disabled: u.Disabled, Rev: u.UpdatedAt,
		CreatedAt: a.at(u.CreatedAt), SignedInAt: a.since(u.SignedInAt)}
}

// staffOf shows "CorpID/userid"; nil for none.
func (a *API) staffOf(staff string) *StaffName {
	if staff == "" {
		return nil
	}
	n := a.staffName(auth.SplitStaff(staff))
	return &n
}

// knownStaff checks that there is such a member: a slip of the pen would show somebody else's customers, or
// none.
func (a *API) knownStaff(staff *string) error {
	if staff == nil || *staff == "" {
		return nil
	}
	if s, err := a.Staff.Get(auth.SplitStaff(strings.TrimSpace(*staff))); err != nil || !s.Active {
		return wrong("staff", "通讯录里没有员工 %s：应形如 CorpID/userid，并已同步通讯录", *staff)
	}
	return nil
}

func (a *API) listUsers(ctx context.Context, in *Page) (*listOf[User], error) {
	all, err := a.Gate.Users(ctx)
	if err != nil {
		return nil, err
	}
	shown := make([]User, len(all))
	for i, u := range all {
		shown[i] = a.user(u)
	}
	list, err := window(shown, *in)
	return &listOf[User]{list}, err
}

type ByID struct {
	ID IDParam `path:"id"`
}

func (a *API) getUser(ctx context.Context, in *ByID) (*answer[User], error) {
	u, err := a.Gate.User(ctx, int64(in.ID.ID))
	return &answer[User]{a.user(u)}, err
}

type newUserInput struct {
	Body struct {
		Login    string    `json:"login" doc:"登录名：邮箱，或小写字母、数字、汉字"`
		Name     string    `json:"name,omitempty"`
		Role     auth.Role `json:"role" doc:"admin marketer analyst leader sales employee"`
		Staff    string    `json:"staff,omitempty" doc:"对应的员工，CorpID/userid；销售和主管没有它就看不到客户"`
		Password string    `json:"password" doc:"至少 10 个字符；请对方登录后自己修改"`
	}
}

func (a *API) addUser(ctx context.Context, in *newUserInput) (*answer[User], error) {
	if err := a.knownStaff(&in.Body.Staff); err != nil {
		return nil, err
	}
	u, err := a.Gate.AddUser(ctx, auth.NewUser{Login: in.Body.Login, Name: in.Body.Name, Role: in.Body.Role, Staff: in.Body.Staff, Password: in.Body.Password})
	if err == nil {
		record(ctx).on(fmt.Sprintf("users/%d", u.ID)).with("login", u.Login).with("role", u.Role).with("staff", u.Staff)
	}
	return &answer[User]{a.user(u)}, err
}

type userChangeInput struct {
	ByID
	Seen
	Body struct {
		Name     *string    `json:"name,omitempty"`
		Role     *auth.Role `json:"role,omitempty"`
		Staff    *string    `json:"staff,omitempty" doc:"CorpID/userid；空为不再对应任何员工"`
		Password *string    `json:"password,omitempty"`
		Disabled *bool      `json:"disabled,omitempty"`
	}
}

func (a *API) changeUser(ctx context.Context, in *userChangeInput) (*answer[User], error) {
	id := int64(in.ID.ID)
	seen, err := in.seen()
	if err != nil {
		return nil, err
	}
	if in.Body.Disabled != nil && *in.Body.Disabled && id == by(ctx).UserID {
		return nil, fault.New(fault.Conflict, "不能停用自己：请让另一位管理员来做")
	}
	if err := a.knownStaff(in.Body.Staff); err != nil {
		return nil, err
	}
	l := record(ctx).with("password", in.Body.Password != nil)
	if in.Body.Role != nil {
		l.with("role", *in.Body.Role)
	}
	if in.Body.Staff != nil {
		l.with("staff", *in.Body.Staff)
	}
	if in.Body.Disabled != nil {
		l.with("disabled", *in.Body.Disabled)
	}
	u, err := a.Gate.ChangeUser(ctx, id, auth.UserChange{Seen: seen, Name: in.Body.Name, Role: in.Body.Role, Staff: in.Body.Staff, Password: in.Body.Password, Disabled: in.Body.Disabled})
	return &answer[User]{a.user(u)}, err
}

// Key lets a program in.
type Key struct {
	ID        ID                `json:"id"`
	Prefix    string            `json:"prefix" doc:"密钥的前几位，用来辨认"`
	Name      string            `json:"name"`
	Role      auth.Role         `json:"role,omitempty"`
	Scopes    []auth.Permission `json:"scopes" doc:"这个密钥能做什么"`
	Staff     *StaffName        `json:"staff,omitempty" doc:"只看这位员工（或其下属）的客户"`
	CreatedAt *time.Time        `json:"created_at,omitempty"`
	CreatedBy string            `json:"created_by,omitempty"`
	UsedAt    *time.Time        `json:"used_at,omitempty" doc:"最近一次使用，精确到小时"`
	RevokedAt *time.Time        `json:"revoked_at,omitempty"`
	Secret    string            `json:"secret,omitempty" doc:"完整的密钥，只在创建时返回这一次"`
}

func (a *API) key(k auth.Key) Key {
	return Key{ID: ID(k.ID), Prefix: k.Prefix, Name: k.Name, Role: k.Role, Scopes: k.Permissions(), Staff: a.staffOf(k.Staff), CreatedAt: a.since(k.CreatedAt), CreatedBy: k.CreatedBy,
		UsedAt: a.since(k.UsedAt), RevokedAt: a.since(k.RevokedAt)}
}

func (a *API) listKeys(ctx context.Context, in *Page) (*listOf[Key], error) {
	all, err := a.Gate.Keys(ctx)
	if err != nil {
		return nil, err
	}
	shown := make([]Key, len(all))
	for i, k := range all {
		shown[i] = a.key(k)
	}
	list, err := window(shown, *in)
	return &listOf[Key]{list}, err
}

type newKeyInput struct {
	Body struct {
		Name   string            `json:"name" doc:"给谁用，如 订单系统"`
		Role   auth.Role         `json:"role,omitempty" doc:"按角色授权；与 scopes 二选一"`
		Scopes []auth.Permission `json:"scopes,omitempty" doc:"按权限授权，如 events.write"`
		Staff  string            `json:"staff,omitempty" doc:"CorpID/userid：只看这位员工的客户；销售、主管角色的密钥要填"`
	}
}

func (a *API) addKey(ctx context.Context, in *newKeyInput) (*answer[Key], error) {
	if err := a.knownStaff(&in.Body.Staff); err != nil {
		return nil, err
	}
	k, secret, err := a.Gate.AddKey(ctx, auth.NewKey{Name: in.Body.Name, Role: in.Body.Role, Scopes: in.Body.Scopes, Staff: in.Body.Staff}, by(ctx).Principal)
	if err != nil {
		return nil, err
	}
	record(ctx).on(fmt.Sprintf("api-keys/%d", k.ID)).with("name", k.Name).with("may", k.Permissions()).with("staff", k.Staff)
	shown := a.key(k)
	shown.Secret = secret
	return &answer[Key]{shown}, nil
}

func (a *API) revokeKey(ctx context.Context, in *ByID) (*struct{}, error) {
	return &struct{}{}, a.Gate.RevokeKey(ctx, int64(in.ID.ID))
}
