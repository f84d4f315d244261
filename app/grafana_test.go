package app_test

import (
	"encoding/json"
	"go/ast"
	"os"
	"regexp"
	"strconv"
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

	measured := map[string]bool{}
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		// What a metric is called stands in its options: prometheus.CounterOpts{Name: "koi_…"}.
		ast.Inspect(s.file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.CompositeLit); ok {
				if of, ok := lit.Type.(*ast.SelectorExpr); ok && strings.HasSuffix(of.Sel.Name, "Opts") {
					for _, e := range lit.Elts {
						take(measured, e)
					}
				}
			}
			return true
		})
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

// take notes the name in a member "Name: …" of a metric's options.
func take(into map[string]bool, e ast.Expr) {
	kv, ok := e.(*ast.KeyValueExpr)
	if !ok {
		return
	}
	key, named := kv.Key.(*ast.Ident)
	lit, text := kv.Value.(*ast.BasicLit)
	if named && text && key.Name == "Name" {
		if name, err := strconv.Unquote(lit.Value); err == nil && strings.HasPrefix(name, "koi_") {
			into[name] = true
		}
	}
}
