package sms

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/channels/simulator"
)

func TestExaminer_names_what_is_missing_and_the_fix(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		h := newHouse(t, s)
		r := newRig(t, s)
		look := func(public string) []account.Finding {
			list := NewExaminer(r.client, r.accounts, public).Examine(t.Context())
			require.Len(t, list, 2)
			return list
		}
		list := look(h.server.URL)
		require.Equal(t, account.Good, list[0].Verdict)
		require.Contains(t, list[0].What, "7 个模板里 5 个审核通过")
		require.Equal(t, account.Good, list[1].Verdict, list[1].What)
		require.Empty(t, h.events(), "looking appends nothing")

		r.misbehave(simulator.Misbehaviour{Path: "QuerySmsTemplateList", Error: "SignatureDoesNotMatch"})
		stranger := httptest.NewServer(http.RedirectHandler("https://elsewhere.example/", http.StatusFound))
		defer stranger.Close()
		list = look(stranger.URL)
		require.Equal(t, account.Bad, list[0].Verdict)
		require.Contains(t, list[0].What, "AccessKey Secret 不对")
		require.NotEmpty(t, list[0].Do)
		require.Equal(t, account.Bad, list[1].Verdict)
		require.Contains(t, list[1].What, "302")
		stranger.Close()
		list = look(stranger.URL)
		require.Equal(t, account.Doubt, list[1].Verdict)
		for _, f := range list {
			require.NotContains(t, f.What+f.Do, receiptToken)
		}
	})
}
