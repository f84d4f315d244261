package auth_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/fault"
)

const password = "correct horse battery"

func newGate(s *db.Stores) (*auth.Gate, *clock.Manual) {
	clk := clock.NewManual(time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC))
	return auth.New(s, clk), clk
}

func add(t *testing.T, g *auth.Gate, login string, role auth.Role) auth.User {
	t.Helper()
	u, err := g.AddUser(context.Background(), auth.NewUser{Login: login, Role: role, Password: password})
	require.NoError(t, err)
	return u
}

func signIn(t *testing.T, g *auth.Gate, login string) auth.Session {
	t.Helper()
	s, err := g.SignIn(context.Background(), auth.Attempt{Login: login, Password: password, Place: "192.0.2.1"})
	require.NoError(t, err)
	return s
}

func requireKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, kind, fault.KindOf(err), "%v", err)
}

func TestGate_signs_in_and_out(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		ctx := context.Background()
		g, clk := newGate(s)
		u := add(t, g, " Anna@Koi.CN ", auth.Marketer)
		require.Equal(t, "anna@koi.cn", u.Login)
		require.Equal(t, "anna@koi.cn", u.Name)

		in := signIn(t, g, "ANNA@koi.cn")
		require.NotEmpty(t, in.CSRF)
		got, err := g.Session(ctx, in.Token)
		require.NoError(t, err)
		require.Equal(t, u.ID, got.UserID)
		require.Equal(t, in.CSRF, got.CSRF)
		require.True(t, got.May(auth.WriteContacts))
		require.False(t, got.May(auth.ManageUsers))
		requireKind(t, got.Require(auth.ManageUsers), fault.Denied)

		var stored string
		require.NoError(t, s.Koi.QueryRow(ctx, "SELECT token FROM sessions").Scan(&stored))
		require.NotEqual(t, in.Token, stored, "a copy of the table lets nobody in")
		_, err = g.Session(ctx, stored)
		requireKind(t, err, fault.Denied)

		again, err := g.User(ctx, u.ID)
		require.NoError(t, err)
		require.Equal(t, clock.Ms(clk.Wall()), again.SignedInAt)

		require.NoError(t, g.SignOut(ctx, in.Token))
		_, err = g.Session(ctx, in.Token)
		requireKind(t, err, fault.Denied)
		require.NoError(t, g.SignOut(ctx, in.Token), "twice is once")
	})
}

func TestGate_sessions_end(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		ctx := context.Background()
		g, clk := newGate(s)
		add(t, g, "anna", auth.Admin)
		idle := signIn(t, g, "anna")
		clk.Advance(25 * time.Hour)
		_, err := g.Session(ctx, idle.Token)
		requireKind(t, err, fault.Denied)

		used := signIn(t, g, "anna")
		for range 13 { // used twice a day
			clk.Advance(12 * time.Hour)
			_, err = g.Session(ctx, used.Token)
			require.NoError(t, err)
		}
		clk.Advance(12*time.Hour + time.Minute)
		_, err = g.Session(ctx, used.Token)
		requireKind(t, err, fault.Denied)

		require.NoError(t, g.Purge(ctx))
		var n int
		require.NoError(t, s.Koi.QueryRow(ctx, "SELECT COUNT(*) FROM sessions").Scan(&n))
		require.Zero(t, n)
	})
}

func TestGate_a_change_of_rights_ends_sessions(t *testing.T) {
	t.Parallel()
	sales, fresh, yes, no := auth.Sales, "another long password", true, false
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		ctx := context.Background()
		g, _ := newGate(s)
		add(t, g, "root", auth.Admin)
		u := add(t, g, "anna", auth.Marketer)
		ends := func(c auth.UserChange) {
			t.Helper()
			in := signIn(t, g, "anna")
			_, err := g.ChangeUser(ctx, u.ID, c)
			require.NoError(t, err)
			_, err = g.Session(ctx, in.Token)
			requireKind(t, err, fault.Denied)
		}
		ends(auth.UserChange{Role: &sales})
		ends(auth.UserChange{Disabled: &yes})
		_, err := g.SignIn(ctx, auth.Attempt{Login: "anna", Password: password, Place: "192.0.2.1"})
		requireKind(t, err, fault.Denied)
		_, err = g.ChangeUser(ctx, u.ID, auth.UserChange{Disabled: &no})
		require.NoError(t, err)

		name := "安娜"
		in := signIn(t, g, "anna")
		_, err = g.ChangeUser(ctx, u.ID, auth.UserChange{Name: &name})
		require.NoError(t, err)
		_, err = g.Session(ctx, in.Token)
		require.NoError(t, err, "a name is no right")

		_, err = g.ChangePassword(ctx, u.ID, "wrong", fresh, "192.0.2.1")
		requireKind(t, err, fault.Invalid)
		mine, err := g.ChangePassword(ctx, u.ID, password, fresh, "192.0.2.1")
		require.NoError(t, err)
		_, err = g.Session(ctx, in.Token)
		requireKind(t, err, fault.Denied)
		_, err = g.Session(ctx, mine.Token)
		require.NoError(t, err, "whoever changed it stays signed in")
	})
}

func TestGate_keeps_an_administrator(t *testing.T) {
	t.Parallel()
	marketer, yes := auth.Marketer, true
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		ctx := context.Background()
		g, _ := newGate(s)
		a := add(t, g, "anna", auth.Admin)
		_, err := g.ChangeUser(ctx, a.ID, auth.UserChange{Role: &marketer})
		requireKind(t, err, fault.Conflict)
		_, err = g.ChangeUser(ctx, a.ID, auth.UserChange{Disabled: &yes})
		requireKind(t, err, fault.Conflict)
		b := add(t, g, "bert", auth.Admin)

		// Each disables the other at once: one of them must fail.
		done := make(chan error, 2)
		for _, id := range []int64{a.ID, b.ID} {
			go func() {
				_, err := g.ChangeUser(ctx, id, auth.UserChange{Disabled: &yes})
				done <- err
			}()
		}
		errs := []error{<-done, <-done}
		if errs[0] == nil {
			errs[0], errs[1] = errs[1], errs[0]
		}
		require.NoError(t, errs[1])
		requireKind(t, errs[0], fault.Conflict)
	})
}

func TestGate_says_everything_wrong_with_a_user_at_once(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		ctx := context.Background()
		g, _ := newGate(s)
		_, err := g.AddUser(ctx, auth.NewUser{Login: "a b", Name: strings.Repeat("长", 61), Role: "boss", Password: "short"})
		var f *fault.Error
		require.ErrorAs(t, err, &f)
		require.Len(t, f.Problems, 4)
		for _, bad := range []string{"aaaaaaaaaaaa", "my-anna-secret", strings.Repeat("ab", 65)} {
			_, err = g.AddUser(ctx, auth.NewUser{Login: "anna", Role: auth.Admin, Password: bad})
			requireKind(t, err, fault.Invalid)
		}
		add(t, g, "anna", auth.Admin)
		_, err = g.AddUser(ctx, auth.NewUser{Login: "ANNA", Role: auth.Admin, Password: password})
		requireKind(t, err, fault.Conflict)
		_, err = g.ChangeUser(ctx, 99, auth.UserChange{})
		requireKind(t, err, fault.NotFound)
	})
}

func TestGate_slows_guessing_down(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		ctx := context.Background()
		g, clk := newGate(s)
		add(t, g, "anna", auth.Admin)
		try := func(login, pw, place string) error {
			_, err := g.SignIn(ctx, auth.Attempt{Login: login, Password: pw, Place: place})
			return err
		}
		for _, login := range []string{"anna", "nobody"} {
			for range 10 {
				requireKind(t, try(login, "wrong", "198.51.100.1"), fault.Denied)
			}
			requireKind(t, try(login, "wrong", "198.51.100.1"), fault.Limited)
		}
		err := try("anna", password, "198.51.100.1")
		requireKind(t, err, fault.Limited)
		var wait *auth.TooMany
		require.ErrorAs(t, err, &wait)
		require.InDelta(t, time.Minute, wait.RetryAfter(), float64(2*time.Second))

		require.NoError(t, try("anna", password, "203.0.113.9"), "the user comes in from elsewhere")
		clk.Advance(time.Minute)
		require.NoError(t, try("anna", password, "198.51.100.1"))
		for range 10 {
			requireKind(t, try("anna", "wrong", "198.51.100.1"), fault.Denied)
		}
	})
}

func TestGate_an_address_guesses_for_no_number_of_names(t *testing.T) {
	t.Parallel()
	s := dbtest.SQLite(t)
	g, _ := newGate(s)
	var limited int
	for i := range 55 {
		_, err := g.SignIn(context.Background(), auth.Attempt{Login: fmt.Sprintf("user%d", i), Password: "wrong", Place: "198.51.100.1"})
		if fault.Is(err, fault.Limited) {
			limited++
		}
	}
	require.Equal(t, 5, limited)
}

func TestGate_SetUp(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		ctx := context.Background()
		g, clk := newGate(s)
		old, needed, err := g.SetupToken(ctx)
		require.NoError(t, err)
		require.True(t, needed)
		clk.Advance(auth.SetupLife + time.Second)
		n := auth.NewUser{Login: "anna", Name: "安娜", Role: auth.Employee, Password: password}
		_, err = g.SetUp(ctx, old, "192.0.2.1", n)
		requireKind(t, err, fault.Denied)

		first, _, err := g.SetupToken(ctx)
		require.NoError(t, err)
		second, _, err := g.SetupToken(ctx)
		require.NoError(t, err)
		_, err = g.SetUp(ctx, "guess", "192.0.2.1", n)
		requireKind(t, err, fault.Denied)
		_, err = g.SetUp(ctx, first, "192.0.2.1", auth.NewUser{Login: "anna", Password: "short"})
		requireKind(t, err, fault.Invalid)

		// Two links at once make one administrator.
		done := make(chan error, 2)
		for i, token := range []string{first, second} {
			go func() {
				n := n
				n.Login += fmt.Sprint(i)
				_, err := g.SetUp(ctx, token, "192.0.2.1", n)
				done <- err
			}()
		}
		errs := []error{<-done, <-done}
		if errs[0] == nil {
			errs[0], errs[1] = errs[1], errs[0]
		}
		require.NoError(t, errs[1])
		requireKind(t, errs[0], fault.Denied)
		users, err := g.Users(ctx)
		require.NoError(t, err)
		require.Len(t, users, 1)
		require.Equal(t, auth.Admin, users[0].Role)
		_, needed, err = g.SetupToken(ctx)
		require.NoError(t, err)
		require.False(t, needed)
	})
}

func TestGate_keys(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		ctx := context.Background()
		g, _ := newGate(s)
		add(t, g, "root", auth.Admin)
		add(t, g, "anna", auth.Marketer)
		root, anna := signIn(t, g, "root"), signIn(t, g, "anna")

		k, secret, err := g.AddKey(ctx, auth.NewKey{Name: " 订单系统 ", Scopes: []auth.Permission{auth.WriteEvents}}, &root.Principal)
		require.NoError(t, err)
		require.Contains(t, secret, k.Prefix)
		require.Equal(t, "user:root", k.CreatedBy)
		p, err := g.Key(ctx, secret)
		require.NoError(t, err)
		require.True(t, p.May(auth.WriteEvents))
		require.False(t, p.May(auth.ReadContacts))
		require.Equal(t, "key:订单系统", p.By())

		list, err := g.Keys(ctx)
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.NotZero(t, list[0].UsedAt)
		require.NotContains(t, fmt.Sprintf("%+v", list), secret)

		for _, wrong := range []string{"", "koi_", secret + "x", secret[:len(secret)-1], strings.ToUpper(secret), "koi_" + k.Prefix + "_"} {
			_, err = g.Key(ctx, wrong)
			requireKind(t, err, fault.Denied)
		}

		_, _, err = g.AddKey(ctx, auth.NewKey{Name: "x", Role: auth.Admin}, &anna.Principal)
		requireKind(t, err, fault.Denied)
		_, _, err = g.AddKey(ctx, auth.NewKey{Name: "x", Role: auth.Analyst}, &anna.Principal)
		require.NoError(t, err)
		for _, bad := range []auth.NewKey{{Name: "x"}, {Role: auth.Analyst}, {Name: "x", Role: auth.Analyst, Scopes: []auth.Permission{auth.WriteEvents}},
			{Name: "x", Scopes: []auth.Permission{"all"}}, {Name: "x", Scopes: []auth.Permission{auth.ManageUsers}}} {
			_, _, err = g.AddKey(ctx, bad, &root.Principal)
			requireKind(t, err, fault.Invalid)
		}

		require.NoError(t, g.RevokeKey(ctx, k.ID))
		require.NoError(t, g.RevokeKey(ctx, k.ID))
		_, err = g.Key(ctx, secret)
		requireKind(t, err, fault.Denied)
		requireKind(t, g.RevokeKey(ctx, 99), fault.NotFound)
	})
}

func TestRoles_and_permissions_have_Chinese_names(t *testing.T) {
	t.Parallel()
	for _, r := range auth.Roles() {
		require.NotEmpty(t, r.Label(), r)
		for _, p := range r.Permissions() {
			require.NotEmpty(t, p.Label(), p)
		}
	}
	require.Equal(t, auth.Permissions(), auth.Admin.Permissions(), "an administrator may everything")
}

func TestGate_a_user_is_a_member_of_staff_because_somebody_said_so(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		ctx := context.Background()
		g, _ := newGate(s)
		root := signIn(t, g, add(t, g, "root", auth.Admin).Login)
		add(t, g, "wanglei", auth.Sales)
		in := signIn(t, g, "wanglei")
		require.Empty(t, in.Staff)
		require.Equal(t, auth.Own, in.Reach())
		_, err := g.ChangeUser(ctx, in.UserID, auth.UserChange{Staff: new("wanglei")})
		requireKind(t, err, fault.Invalid)

		told := g.Changed()
		_, err = g.ChangeUser(ctx, in.UserID, auth.UserChange{Staff: new(" ww1/wanglei ")})
		require.NoError(t, err)
		<-told
		_, err = g.Look(ctx, in.Token)
		requireKind(t, err, fault.Denied)
		in = signIn(t, g, "wanglei")
		require.Equal(t, "ww1/wanglei", in.Staff)

		reach := func(n auth.NewKey) auth.Reach {
			t.Helper()
			n.Name = "k"
			_, secret, err := g.AddKey(ctx, n, &root.Principal)
			require.NoError(t, err)
			p, err := g.Key(ctx, secret)
			require.NoError(t, err)
			require.Equal(t, n.Staff, p.Staff)
			return p.Reach()
		}
		require.Equal(t, auth.Everybody, reach(auth.NewKey{Scopes: []auth.Permission{auth.ReadContacts}}))
		require.Equal(t, auth.Own, reach(auth.NewKey{Scopes: []auth.Permission{auth.ReadContacts}, Staff: "ww1/wanglei"}))
		require.Equal(t, auth.Team, reach(auth.NewKey{Role: auth.Leader, Staff: "ww1/liwei"}))
		require.Equal(t, auth.Nobody, reach(auth.NewKey{Role: auth.Employee}))
	})
}

func TestGate_looking_at_a_session_does_not_keep_it_alive(t *testing.T) {
	t.Parallel()
	s := dbtest.SQLite(t)
	g, clk := newGate(s)
	add(t, g, "anna", auth.Admin)
	in := signIn(t, g, "anna")
	for range 3 {
		clk.Advance(10 * time.Hour)
		if _, err := g.Look(context.Background(), in.Token); err != nil {
			requireKind(t, err, fault.Denied)
			return
		}
	}
	t.Fatal("the session outlived a day without use")
}
