package auth_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/fault"
)

func TestGate_members_of_staff_come_in_without_a_password(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		ctx := context.Background()
		g, _ := newGate(s)
		wang := auth.Member{Staff: "ww1/WangLei", Name: "王磊", Role: auth.Sales}
		_, err := g.SignInMember(ctx, wang)
		requireKind(t, err, fault.Denied)
		require.ErrorIs(t, err, auth.ErrUnready, "the setup link comes first")
		add(t, g, "anna", auth.Admin)
		in, err := g.SignInMember(ctx, wang)
		require.NoError(t, err)
		require.Equal(t, "wanglei@ww1", in.Login)
		require.Equal(t, "王磊", in.Name)
		require.Equal(t, auth.Sales, in.Role)
		require.Equal(t, "ww1/WangLei", in.Staff)

		// Nobody can type a password for such a user.
		for _, guess := range []string{"", password} {
			_, err = g.SignIn(ctx, auth.Attempt{Login: in.Login, Password: guess, Place: "192.0.2.9"})
			requireKind(t, err, fault.Denied)
		}

		// What an administrator changed stays.
		role := auth.Leader
		_, err = g.ChangeUser(ctx, in.UserID, auth.UserChange{Role: &role})
		require.NoError(t, err)
		again, err := g.SignInMember(ctx, wang)
		require.NoError(t, err)
		require.Equal(t, in.UserID, again.UserID)
		require.Equal(t, auth.Leader, again.Role)

		// Twice at once is one user.
		chen := auth.Member{Staff: "ww1/chenjing", Name: strings.Repeat("静", 100), Role: auth.Employee}
		ids := make([]int64, 4)
		var all sync.WaitGroup
		for i := range ids {
			all.Go(func() {
				x, err := g.SignInMember(ctx, chen)
				if err == nil {
					ids[i] = x.UserID
				}
			})
		}
		all.Wait()
		for _, id := range ids {
			require.Equal(t, ids[0], id)
			require.NotZero(t, id)
		}

		// The user an administrator linked is used; a disabled one keeps its member out.
		zhao, err := g.AddUser(ctx, auth.NewUser{Login: "zhao", Role: auth.Marketer, Staff: "ww1/zhaomin", Password: password})
		require.NoError(t, err)
		linked, err := g.SignInMember(ctx, auth.Member{Staff: "ww1/zhaomin", Role: auth.Employee})
		require.NoError(t, err)
		require.Equal(t, zhao.ID, linked.UserID)
		off := true
		_, err = g.ChangeUser(ctx, zhao.ID, auth.UserChange{Disabled: &off})
		require.NoError(t, err)
		_, err = g.SignInMember(ctx, auth.Member{Staff: "ww1/zhaomin", Role: auth.Employee})
		requireKind(t, err, fault.Denied)
		require.ErrorIs(t, err, auth.ErrLocked)
		_, err = g.Session(ctx, linked.Token)
		requireKind(t, err, fault.Denied)

		// A userid that is no login name gets one all the same.
		odd, err := g.SignInMember(ctx, auth.Member{Staff: "ww1/" + strings.Repeat("x", 64), Role: auth.Employee})
		require.NoError(t, err)
		require.Regexp(t, `^wecom-[0-9a-f]{24}$`, odd.Login)
		for _, bad := range []auth.Member{{Role: auth.Sales}, {Staff: "ww1/a b", Role: auth.Sales}, {Staff: "ww1/a", Role: "boss"}} {
			_, err = g.SignInMember(ctx, bad)
			requireKind(t, err, fault.Invalid)
		}
	})
}
