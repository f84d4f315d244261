package officialaccount

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/channels/simulator"
)

func TestNewQRCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	acc, ok := w.accounts.Official(simApp)
	require.True(t, ok)
	code, err := NewQRCode(t.Context(), w.caller, clock.Real{}, acc, "展会_2026", time.Hour)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(code.URL, "http://weixin.qq.com/q/"), code.URL)
	require.WithinDuration(t, time.Now().Add(time.Hour), code.Until, time.Minute)

	for _, bad := range []struct {
		scene string
		life  time.Duration
	}{{"", time.Hour}, {strings.Repeat("长", 65), time.Hour}, {"s", time.Second}, {"s", 31 * 24 * time.Hour}} {
		_, err := NewQRCode(t.Context(), w.caller, clock.Real{}, acc, bad.scene, bad.life)
		require.True(t, fault.Is(err, fault.Invalid), "%v: %v", bad, err)
	}
	for code, kind := range map[int]fault.Kind{48001: fault.Invalid, 45009: fault.Unavailable, -1: fault.Unavailable} {
		require.NoError(t, w.sim.Misbehave(simulator.Misbehaviour{Path: "/cgi-bin/qrcode/create", Code: code, Times: 1}))
		_, err := NewQRCode(t.Context(), w.caller, clock.Real{}, acc, "s", time.Hour)
		require.True(t, fault.Is(err, kind), "%d: %v", code, err)
		var told *fault.Error
		require.ErrorAs(t, err, &told)
		require.NotContains(t, told.Message, "自动", "nobody tries a QR code again")
	}
}
