package apptest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/channels/simulator"
)

func TestStart_a_keyword_is_answered(t *testing.T) {
	t.Parallel()
	dbtest.RunConfig(t, func(t *testing.T, store db.Config) {
		t.Parallel()
		k := Start(t, Options{Store: store})
		k.Act(simulator.Act{Who: "oReader000000000000000000001", App: AppID, Do: "say", With: "请问报价"})
		d := k.Delivered("the reply", func(d simulator.Delivery) bool { return d.Account == AppID })
		require.Equal(t, "oReader000000000000000000001", d.To)
		require.Contains(t, d.Text, "收到")
	})
}
