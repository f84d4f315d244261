package event

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLabels_every_event_has_a_Chinese_name_and_a_line(t *testing.T) {
	t.Parallel()
	f, err := parser.ParseFile(token.NewFileSet(), "names.go", nil, 0)
	require.NoError(t, err)
	found := 0
	ast.Inspect(f, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return true
		}
		name, err := strconv.Unquote(lit.Value)
		require.NoError(t, err)
		if name == CustomPrefix || strings.HasPrefix(name, "command.") || strings.HasPrefix(name, "timer.") {
			return true
		}
		found++
		l := labels[name]
		require.NotEmpty(t, l.Name, name)
		require.NotEmpty(t, l.Note, name)
		return true
	})
	require.Equal(t, found, len(labels))
}
