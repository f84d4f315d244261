package db_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/koi-scrm/koi/app/db"
)

func TestClip_keeps_whole_characters(t *testing.T) {
	t.Parallel()
	require.Equal(t, "锦鲤", db.Clip("锦鲤池塘", 2))
	require.Empty(t, db.Clip("锦鲤", 0))
	rapid.Check(t, func(t *rapid.T) {
		s, most := rapid.String().Draw(t, "s"), rapid.IntRange(0, 20).Draw(t, "most")
		got := db.Clip(s, most)
		require.True(t, strings.HasPrefix(s, got))
		require.Equal(t, min(most, utf8.RuneCountInString(s)), utf8.RuneCountInString(got))
	})
}
