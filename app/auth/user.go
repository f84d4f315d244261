package auth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/fault"
)

// User is somebody who may sign in. Users are never deleted, since histories name them; they are disabled.
type User struct {
	ID         int64
	Login      string // e-mail address or short name, lower case
	Name       string // shown
	Role       Role
	Staff      string // "CorpID/userid" of the staff member this is; "" for none. Said by an administrator, never guessed
	Disabled   bool
	CreatedAt  int64 // wall time, Unix ms, like all times here
	UpdatedAt  int64
	SignedInAt int64 // 0: never

	password string // hash
	epoch    int64  // rises when all sessions of the user must end
}

func (u User) principal() Principal {
	return Principal{UserID: u.ID, Login: u.Login, Name: u.Name, Role: u.Role, Staff: u.Staff, may: u.Role.Permissions()}
}

// NewUser is a user to be made.
type NewUser struct {
	Login    string
	Name     string // shown; the login name when empty
	Role     Role
	Staff    string
	Password string
}

// UserChange changes what is not nil.
type UserChange struct {
	Seen     int64 // the UpdatedAt the editor saw; 0: whatever is stored
	Name     *string
	Role     *Role
	Staff    *string // "" takes it away
	Password *string
	Disabled *bool
}

const maxName = 60 // characters

var loginForm = regexp.MustCompile(`^[a-z0-9\p{Han}][a-z0-9\p{Han}._+@-]{1,63}$`)

func normalLogin(s string) string { return strings.ToLower(strings.TrimSpace(norm.NFKC.String(s))) }

func problem(path, format string, args ...any) fault.Problem {
	return fault.Problem{Path: path, Message: fmt.Sprintf(format, args...)}
}

func (n *NewUser) check() error {
	var bad []fault.Problem
	n.Login, n.Name = normalLogin(n.Login), strings.TrimSpace(n.Name)
	if !loginForm.MatchString(n.Login) {
		bad = append(bad, problem("login", "登录名应为 2 到 64 个字：小写字母、数字、汉字，或邮箱地址"))
	}
	if n.Name == "" {
		n.Name = n.Login
	}
	bad = append(bad, checkName(n.Name)...)
	bad = append(bad, checkRole(n.Role)...)
	n.Staff = strings.TrimSpace(n.Staff)
	bad = append(bad, checkStaff(n.Staff)...)
	if p := checkPassword(n.Login, n.Password); p != "" {
		bad = append(bad, problem("password", "%s", p))
	}
	return fault.Problems("用户没有保存，请改正标出的几项", bad)
}

func checkName(name string) []fault.Problem {
	if n := utf8.RuneCountInString(name); n < 1 || n > maxName {
		return []fault.Problem{problem("name", "姓名应为 1 到 %d 个字", maxName)}
	}
	return nil
}

var staffForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,96}/[A-Za-z0-9_.@-]{1,96}$`)

// SplitStaff parts "CorpID/userid".
func SplitStaff(staff string) (corpID, userID string) {
	corpID, userID, _ = strings.Cut(staff, "/")
	return corpID, userID
}

func checkStaff(staff string) []fault.Problem {
	if staff == "" || staffForm.MatchString(staff) {
		return nil
	}
	return []fault.Problem{problem("staff", "员工应形如 CorpID/userid，如 ww0123456789abcdef/wanglei")}
}

func checkRole(r Role) []fault.Problem {
	if r.Label() != "" {
		return nil
	}
	var all []string
	for _, r := range Roles() {
		all = append(all, string(r)+"（"+r.Label()+"）")
	}
	return []fault.Problem{problem("role", "没有角色 %q，可用：%s", r, strings.Join(all, "、"))}
}

// AddUser makes a user. Faults: Invalid with every problem, Conflict when the login name is taken.
func (g *Gate) AddUser(ctx context.Context, n NewUser) (User, error) {
	if err := n.check(); err != nil {
		return User{}, err
	}
	hash, err := g.hash(ctx, n.Password)
	if err != nil {
		return User{}, err
	}
	var u User
	// Two nodes may take the same number at once; the second one takes the next.
	for range 5 {
		err = g.db.Tx(ctx, func(tx *db.Tx) error {
			u, err = g.addTx(ctx, tx, n, hash)
			return err
		})
		if !errors.Is(err, errTaken) {
			break
		}
	}
	if err != nil {
		return User{}, fmt.Errorf("add user: %w", err)
	}
	g.rights.tell()
	return u, nil
}

var errTaken = errors.New("the number was taken meanwhile")

func (g *Gate) addTx(ctx context.Context, tx *db.Tx, n NewUser, hash string) (User, error) {
	var same, last int64
	if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM users WHERE login=?", n.Login).Scan(&same); err != nil {
		return User{}, err
	}
	if same > 0 {
		return User{}, fault.New(fault.Conflict, "登录名 %s 已经有人用了：请换一个，或直接修改那位用户", n.Login)
	}
	if err := tx.QueryRow(ctx, "SELECT COALESCE(MAX(id),0) FROM users").Scan(&last); err != nil {
		return User{}, err
	}
	now := g.wall()
	u := User{ID: last + 1, Login: n.Login, Name: n.Name, Role: n.Role, Staff: n.Staff, CreatedAt: now, UpdatedAt: now, password: hash, epoch: 1}
	made, err := tx.InsertIgnore(ctx, "users", []string{"id", "login", "name", "role", "password", "epoch", "disabled", "created_at", "updated_at", "signed_in_at", "staff"},
		[][]any{{u.ID, u.Login, u.Name, string(u.Role), u.password, u.epoch, false, now, now, 0, u.Staff}})
	if err == nil && made == 0 {
		err = errTaken
	}
	return u, err
}

// ChangeUser changes a user. A new role, staff member or password, or disabling, ends all sessions of the user at once.
// Faults: Invalid, NotFound, Conflict (it would leave nobody who can administer; or the user is no longer as the
// editor saw it: fault.ErrOvertaken).
func (g *Gate) ChangeUser(ctx context.Context, id int64, c UserChange) (User, error) {
	old, err := g.User(ctx, id)
	if err != nil {
		return User{}, err
	}
	var bad []fault.Problem
	if c.Name != nil {
		*c.Name = strings.TrimSpace(*c.Name)
		bad = append(bad, checkName(*c.Name)...)
	}
	if c.Role != nil {
		bad = append(bad, checkRole(*c.Role)...)
	}
	if c.Staff != nil {
		*c.Staff = strings.TrimSpace(*c.Staff)
		bad = append(bad, checkStaff(*c.Staff)...)
	}
	hash := ""
	if c.Password != nil {
		if p := checkPassword(old.Login, *c.Password); p != "" {
			bad = append(bad, problem("password", "%s", p))
		}
	}
	if err := fault.Problems("用户没有保存，请改正标出的几项", bad); err != nil {
		return User{}, err
	}
	if c.Password != nil {
		if hash, err = g.hash(ctx, *c.Password); err != nil {
			return User{}, err
		}
	}
	var u User
	err = g.db.Tx(ctx, func(tx *db.Tx) error {
		u, err = g.changeTx(ctx, tx, id, c, hash)
		return err
	})
	if err != nil {
		return User{}, fmt.Errorf("change user %d: %w", id, err)
	}
	if u.epoch != old.epoch {
		g.rights.tell()
	}
	return u, nil
}

func (g *Gate) changeTx(ctx context.Context, tx *db.Tx, id int64, c UserChange, hash string) (User, error) {
	// All administrators are locked first, in one order: two who disable each other at once must not both
	// succeed.
	if _, err := tx.Exec(ctx, "UPDATE users SET epoch=epoch WHERE role=? OR id=?", string(Admin), id); err != nil {
		return User{}, err
	}
	u, err := scanUser(tx.QueryRow(ctx, userQuery+" WHERE id=?", id).Scan)
	if err != nil {
		return User{}, err
	}
	if c.Seen != 0 && c.Seen != u.UpdatedAt {
		return User{}, fault.Wrap(fault.ErrOvertaken, fault.Conflict, "别人刚改过这位用户：您的修改没有保存，请看过最新内容再改")
	}
	was := u
	if c.Name != nil {
		u.Name = *c.Name
	}
	if c.Role != nil {
		u.Role = *c.Role
	}
	if c.Staff != nil {
		u.Staff = *c.Staff
	}
	if c.Disabled != nil {
		u.Disabled = *c.Disabled
	}
	if hash != "" {
		u.password = hash
	}
	if u.Role != was.Role || u.Staff != was.Staff || u.Disabled != was.Disabled || hash != "" {
		u.epoch++
	}
	u.UpdatedAt = max(g.wall(), was.UpdatedAt+1) // editors know a version by it
	_, err = tx.Exec(ctx, "UPDATE users SET name=?, role=?, staff=?, disabled=?, password=?, epoch=?, updated_at=? WHERE id=?",
		u.Name, string(u.Role), u.Staff, u.Disabled, u.password, u.epoch, u.UpdatedAt, id)
	if err != nil {
		return User{}, err
	}
	var admins int64
	if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM users WHERE role=? AND disabled=0", string(Admin)).Scan(&admins); err != nil {
		return User{}, err
	}
	if admins == 0 {
		return User{}, fault.New(fault.Conflict, "这是最后一位能登录的管理员：请先指定另一位管理员")
	}
	return u, nil
}

// ChangePassword lets a user set a new password, who knows the old one; a fresh session replaces all the
// old ones. Faults: Invalid, Denied (the old one is wrong), Limited.
func (g *Gate) ChangePassword(ctx context.Context, userID int64, old, password, place string) (Session, error) {
	u, err := g.User(ctx, userID)
	if err != nil {
		return Session{}, err
	}
	giveBack, err := g.try(u.Login, place)
	if err != nil {
		return Session{}, err
	}
	ok, _, err := g.matches(ctx, old, u.password)
	if err != nil {
		return Session{}, err
	}
	if !ok {
		return Session{}, fault.Problems("密码没有修改", []fault.Problem{problem("old_password", "原密码不对")})
	}
	giveBack()
	if u, err = g.ChangeUser(ctx, userID, UserChange{Password: &password}); err != nil {
		return Session{}, err
	}
	return g.start(ctx, u)
}

// Users lists all users by login name.
func (g *Gate) Users(ctx context.Context) ([]User, error) {
	rows, err := g.db.Query(ctx, userQuery+" ORDER BY login")
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	var out []User
	err = db.Each(rows, func(r *sql.Rows) error {
		u, err := scanUser(r.Scan)
		out = append(out, u)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return out, nil
}

// User returns a user by number. Fault: NotFound.
func (g *Gate) User(ctx context.Context, id int64) (User, error) {
	return scanUser(g.db.QueryRow(ctx, userQuery+" WHERE id=?", id).Scan)
}

// UserByLogin returns a user by login name. Fault: NotFound.
func (g *Gate) UserByLogin(ctx context.Context, login string) (User, error) {
	return g.userByLogin(ctx, normalLogin(login))
}

func (g *Gate) userByLogin(ctx context.Context, login string) (User, error) {
	return scanUser(g.db.QueryRow(ctx, userQuery+" WHERE login=?", login).Scan)
}

const userQuery = "SELECT id, login, name, role, password, epoch, disabled, created_at, updated_at, signed_in_at, staff FROM users"

func scanUser(scan func(...any) error) (User, error) {
	var u User
	err := scan(&u.ID, &u.Login, &u.Name, &u.Role, &u.password, &u.epoch, &u.Disabled, &u.CreatedAt, &u.UpdatedAt, &u.SignedInAt, &u.Staff)
	if errors.Is(err, sql.ErrNoRows) {
		return User{}, fault.New(fault.NotFound, "没有这位用户")
	}
	if err != nil {
		return User{}, fmt.Errorf("read user: %w", err)
	}
	return u, nil
}
