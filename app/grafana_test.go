package app_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The dashboard in configs/ is for operators: it must draw what Koi measures, all of it, and nothing else.
func TestGrafana_draws_every_metric_and_only_those(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../configs/grafana.json")
	require.NoError(t, err)
	var board struct {
		Panels []struct {
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	require.NoError(t, json.Unmarshal(text, &board))

	metric := regexp.MustCompile(`^koi_[a-z_]*[a-z]$`)
	measured := map[string]bool{}
	for _, s := range sources(t) {
		if s.test() || s.dir == "app/bench" { // which reads metrics, and names results of its own
			continue
		}
		for lit := range s.strings() {
			if metric.MatchString(lit) && lit != "koi_session" { // the cookie
				measured[lit] = true
			}
		}
	}
	require.NotEmpty(t, measured)
	drawn := map[string]bool{}
	for _, p := range board.Panels {
		for _, x := range p.Targets {
			for _, name := range regexp.MustCompile(`koi_[a-z_]+`).FindAllString(x.Expr, -1) {
				name = strings.TrimSuffix(name, "_bucket")
				require.True(t, measured[name], "“%s” asks for %s, which nobody measures", p.Title, name)
				drawn[name] = true
			}
		}
	}
	for name := range measured {
		require.True(t, drawn[name], "nobody sees %s", name)
	}
}
