package auth

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/fault"
)

// Member is a member of staff of whom WeCom says that it is they who knock.
type Member struct {
	Staff string // "CorpID/userid"
	Name  string
	Role  Role // what they become when they come for the first time; administrators change it
}

// ErrLocked is within the fault of somebody whose users are all disabled.
var ErrLocked = errors.New("the user is disabled")

// ErrUnready is within the fault of who comes before the first administrator: a user of theirs would use up
// the setup link.
var ErrUnready = errors.New("there is no administrator yet")

// SignInMember starts a session for a member of staff without a password: who calls has asked WeCom who it
// is. A member without a user gets one, with a login name that nobody can type a password for; the user an
// administrator linked to them is used where there is one. Coming again changes nothing.
//
// Faults: Denied with ErrLocked or ErrUnready, Invalid for a member or role that is none.
func (g *Gate) SignInMember(ctx context.Context, m Member) (Session, error) {
	if bad := append(checkStaff(cmp.Or(m.Staff, "/")), checkRole(m.Role)...); len(bad) > 0 {
		return Session{}, fault.Problems("不能登录，请联系管理员", bad)
	}
	u, err := g.userOf(ctx, m.Staff)
	if fault.Is(err, fault.NotFound) {
		if u, err = g.addMember(ctx, m); fault.Is(err, fault.Conflict) {
			u, err = g.userOf(ctx, m.Staff) // they came twice at once
		}
		g.rights.tell()
	}
	if err != nil {
		return Session{}, fmt.Errorf("sign in %s: %w", m.Staff, err)
	}
	if err := g.noteSignIn(ctx, u, "", false); err != nil {
		return Session{}, err
	}
	return g.start(ctx, u)
}

// userOf is the first user linked to a member who may come in. Faults: NotFound, Denied with ErrLocked when
// there are disabled ones only.
func (g *Gate) userOf(ctx context.Context, staff string) (User, error) {
	u, err := scanUser(g.db.QueryRow(ctx, userQuery+" WHERE staff=? ORDER BY disabled, id LIMIT 1", staff).Scan)
	if err == nil && u.Disabled {
		slog.Info("停用的用户被拒绝", "user", u.Login)
		return User{}, fault.Wrap(ErrLocked, fault.Denied, "您的账号已停用：如有疑问请联系管理员")
	}
	return u, err
}

// addMember makes the user of a member. Fault: Conflict when they have one.
func (g *Gate) addMember(ctx context.Context, m Member) (User, error) {
	corp, user := SplitStaff(m.Staff)
	n := NewUser{Login: normalLogin(user + "@" + corp), Name: strings.TrimSpace(m.Name), Role: m.Role, Staff: m.Staff}
	if r := []rune(n.Login); len(r) > 64 || !loginForm.MatchString(n.Login) {
		n.Login = fmt.Sprintf("wecom-%x", digest(m.Staff)[:12])
	}
	if r := []rune(n.Name); len(r) == 0 {
		n.Name = user
	} else if len(r) > maxName {
		n.Name = string(r[:maxName])
	}
	var u User
	var err error
	for range 5 { // as AddUser
		err = g.db.Tx(ctx, func(tx *db.Tx) error {
			users, err := g.countUsers(ctx, tx)
			if err != nil {
				return err
			}
			if users == 0 {
				return fault.Wrap(ErrUnready, fault.Denied, "Koi 还没有管理员：请管理员先完成初始化")
			}
			u, err = g.addTx(ctx, tx, n, "")
			return err
		})
		if !errors.Is(err, errTaken) {
			break
		}
	}
	return u, err
}

// Knock counts an attempt from a place as a failure until giveBack; for doors that prove who comes elsewhere.
// Fault: Limited; a TooMany says how long to wait.
func (g *Gate) Knock(place string) (giveBack func(), err error) {
	if wait, ok := g.places.take(place); !ok {
		return nil, tooMany(wait)
	}
	return func() { g.places.giveBack(place) }, nil
}

// StaffByRole lists the members of staff ("CorpID/userid") by the role of their user; disabled ones are not
// among them.
func (g *Gate) StaffByRole(ctx context.Context) (map[string][]string, error) {
	rows, err := g.db.Query(ctx, "SELECT role, staff FROM users WHERE disabled=0 AND staff<>'' ORDER BY id")
	if err != nil {
		return nil, fmt.Errorf("list staff by role: %w", err)
	}
	out := map[string][]string{}
	err = db.Each(rows, func(r *sql.Rows) error {
		var role, staff string
		err := r.Scan(&role, &staff)
		out[role] = append(out[role], staff)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list staff by role: %w", err)
	}
	return out, nil
}
