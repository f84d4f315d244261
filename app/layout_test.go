package app_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/koi-scrm/koi/"

// layers say who may import whom: a package imports only what stands in layers above its own. What lies
// below it in this table hears of it by events. A new line here is an architecture decision.
var layers = [][]string{
	{"app/fault", "app/clock", "app/web", "migrations", "templates"},
	{"app/db", "app/secret", "configs"},
	{"app/lease", "app/job", "app/audit", "app/backup"},
	{"app/event", "app/setting"},
	{"app/org"},
	{"app/account", "app/auth"},
	{"app/contact"},
	{"app/rule"},
	{"app/tag", "app/scoring", "app/stage", "app/content", "app/form", "app/file", "app/meeting", "app/order", "app/smstemplate"},
	{"app/segment", "app/share", "app/lead", "app/message", "app/campaign", "app/webhook"},
	{"app/task", "app/points"},
	{"app/policy"},
	{"app/reach"},
	{"app/outbox"},
	{"app/journey", "app/broadcast"},
	{"app/pipeline", "app/bundle", "app/analytics", "app/doctor"},
	{"channels/wechat"},
	{"channels/officialaccount", "channels/miniprogram", "channels/wecom", "channels/sms", "channels/email", "channels/webhook", "channels/simulator"},
	{"app/httpapi", "h5"},
	{"app"},
	{"app/bench", "app/demo"}, // they boot the whole system and play the world around it
	{"cmd/koi"},
}

var foundations = slices.Concat(layers[0], layers[1], layers[2])

// only narrows the table: beside the foundations these packages may import nothing but what is named.
var only = map[string][]string{
	// It drives the domains through one interface and knows no store of theirs.
	"app/pipeline": {"app/event"},
	// Policy is pure; its numbers are a setting.
	"app/policy": {"app/setting"},
	// Doors and senders: the outside world's side of events, accounts and messages.
	"channels/wechat":          {"app/event", "app/account", "app/contact", "app/org", "app/message", "app/outbox"},
	"channels/officialaccount": {"app/event", "app/account", "app/contact", "app/org", "app/message", "app/outbox", "channels/wechat"},
	"channels/miniprogram":     {"app/event", "app/account", "app/contact", "app/org", "app/message", "app/outbox", "channels/wechat"},
	"channels/wecom":           {"app/event", "app/account", "app/contact", "app/org", "app/message", "app/outbox", "channels/wechat"},
	"channels/sms":             {"app/event", "app/account", "app/contact", "app/org", "app/message", "app/outbox", "app/smstemplate"},
	"channels/email":           {"app/event", "app/account", "app/contact", "app/org", "app/message", "app/outbox"},
	"channels/webhook":         {"app/event", "app/account", "app/contact", "app/org", "app/message", "app/outbox", "app/webhook"},
	// The other side knows the wire formats, and nothing of Koi.
	"channels/simulator": {"channels/wechat"},
}

// modules are libraries that stay where they are named (a folder stands for all below it).
var modules = map[string]struct {
	folders []string
	files   string // file names that may import it anywhere
}{
	"gorm.io/":                               {folders: []string{"app/db"}, files: "store*.go"},
	"github.com/mattn/go-sqlite3":            {folders: []string{"app/db"}},
	"github.com/go-sql-driver/mysql":         {folders: []string{"app/db", "configs"}},
	"github.com/pressly/goose":               {folders: []string{"app/db"}},
	"github.com/duckdb/":                     {folders: []string{"app/analytics"}},
	"github.com/gin-gonic/gin":               {folders: []string{"app/httpapi", "h5", "channels"}},
	"github.com/danielgtaylor/huma":          {folders: []string{"app/httpapi"}},
	"github.com/silenceper/wechat":           {folders: []string{"channels"}},
	"github.com/ArtisanCloud/":               {folders: []string{"channels"}},
	"github.com/aliyun/alibaba-cloud-sdk-go": {folders: []string{"channels"}},
	"github.com/wneessen/go-mail":            {folders: []string{"channels"}},
	"github.com/spf13/cobra":                 {folders: []string{"cmd/koi"}},
	"github.com/knadh/koanf":                 {folders: []string{"configs"}},
}

// banned are names of directories that say what code is, not what it is about.
var banned = []string{"model", "models", "service", "services", "util", "utils", "common", "helper", "helpers", "dto", "controller", "controllers", "constants", "base", "misc", "pkg", "internal"}

const maxLines = 800

// source is one Go file of the module.
type source struct {
	dir, name string // dir relative to the root, with slashes
	lines     int
	file      *ast.File
}

func (s source) path() string { return path.Join(s.dir, s.name) }

// test: the file is compiled for tests only, or its package exists for tests (dbtest, apptest).
func (s source) test() bool { return strings.HasSuffix(s.name, "_test.go") || helper(s.dir) }

func helper(dir string) bool { return strings.HasSuffix(dir, "test") }

func (s source) imports() []string {
	var list []string
	for _, i := range s.file.Imports {
		p, _ := strconv.Unquote(i.Path.Value) // the parser saw to its form
		list = append(list, p)
	}
	return list
}

// strings are the file's string literals.
func (s source) strings() iter.Seq[string] {
	return func(yield func(string) bool) {
		more := true
		ast.Inspect(s.file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && more {
				if text, err := strconv.Unquote(lit.Value); err == nil {
					more = yield(text)
				}
			}
			return more
		})
	}
}

func sources(t *testing.T) []source {
	t.Helper()
	root := os.DirFS("..")
	var list []source
	require.NoError(t, fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		text, err := fs.ReadFile(root, p)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), p, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		list = append(list, source{dir: path.Dir(p), name: path.Base(p), lines: strings.Count(string(text), "\n"), file: file})
		return nil
	}))
	require.NotEmpty(t, list)
	return list
}

func ranks() map[string]int {
	rank := map[string]int{}
	for i, layer := range layers {
		for _, p := range layer {
			rank[p] = i
		}
	}
	return rank
}

func TestLayout_imports_go_down_only(t *testing.T) {
	t.Parallel()
	rank := ranks()
	for _, s := range sources(t) {
		own, known := rank[s.dir]
		if helper(s.dir) {
			continue // may boot whatever it serves
		}
		if !known {
			t.Errorf("%s: %s is not in the table of layers: say where it stands", s.path(), s.dir)
			continue
		}
		for _, i := range s.imports() {
			p, ours := strings.CutPrefix(i, module)
			switch {
			case !ours || s.test(): // a test may bring in whatever it needs to be true to life
			case helper(p):
				t.Errorf("%s imports %s, which is for tests", s.path(), p)
			case strings.HasPrefix(p, "channels/") && !strings.HasPrefix(s.dir, "channels/") && rank[s.dir] < rank["app"]:
				t.Errorf("%s imports %s: only app, which composes the system, and what boots it know the channels", s.path(), p)
			case rank[p] >= own:
				t.Errorf("%s imports %s, which does not stand below it: tell it by an event", s.path(), p)
			case only[s.dir] != nil && !slices.Contains(only[s.dir], p) && !slices.Contains(foundations, p):
				t.Errorf("%s imports %s: %s may import the foundations and %v", s.path(), p, s.dir, only[s.dir])
			}
		}
	}
}

func TestLayout_libraries_stay_where_they_belong(t *testing.T) {
	t.Parallel()
	within := func(dir, folder string) bool { return dir == folder || strings.HasPrefix(dir, folder+"/") }
	for _, s := range sources(t) {
		for _, i := range s.imports() {
			for m, place := range modules {
				if !strings.HasPrefix(i, m) || slices.ContainsFunc(place.folders, func(f string) bool { return within(s.dir, f) }) {
					continue
				}
				if ok, _ := path.Match(place.files, s.name); !ok {
					t.Errorf("%s imports %s, which stays in %v %s", s.path(), i, place.folders, place.files)
				}
			}
		}
	}
}

func TestLayout_files_are_short_and_packages_explain_themselves(t *testing.T) {
	t.Parallel()
	explained := map[string]bool{}
	for _, s := range sources(t) {
		if s.lines > maxLines {
			t.Errorf("%s has %d lines, more than %d", s.path(), s.lines, maxLines)
		}
		if slices.Contains(banned, path.Base(s.dir)) {
			t.Errorf("%s: a directory is a business noun or a place in the world, not %q", s.path(), path.Base(s.dir))
		}
		if strings.HasSuffix(s.name, "_test.go") {
			continue
		}
		explained[s.dir] = explained[s.dir] || s.file.Doc != nil
	}
	for _, dir := range slices.Sorted(maps.Keys(explained)) {
		if !explained[dir] {
			t.Errorf("%s has no package comment: what it is, its invariants, what it refuses to know", dir)
		}
	}
}

var (
	statement = regexp.MustCompile(`(?i)^\s*(SELECT|INSERT|UPDATE|DELETE|REPLACE|CREATE|ALTER|DROP|WITH)\s`)
	// What one of SQLite, MySQL 8, MariaDB and TiDB lacks or takes otherwise. Upserts differ, so db spells them.
	uncommon = regexp.MustCompile(`(?i)SKIP LOCKED|\bRETURNING\b|\bSAVEPOINT\b|->|\bFOREIGN KEY\b|\bMATCH\s*\(|\bON (CONFLICT|DUPLICATE)\b|\bINSERT (OR )?IGNORE\b|\bREPLACE INTO\b|\bILIKE\b|\bFULL (OUTER )?JOIN\b`)
)

func TestLayout_SQL_stays_in_the_common_subset(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.dir == "app/db" || s.dir == "app/analytics" || s.test() {
			continue
		}
		for text := range s.strings() {
			if found := uncommon.FindString(text); found != "" && statement.MatchString(text) {
				t.Errorf("%s: %s is not SQL that every engine knows", s.path(), found)
			}
		}
	}
}

// owners are the packages whose tables a migration holds, where that is not the one package it is named
// after: 0001_event is what the event path stands on.
var owners = map[string][]string{"event": {"app/event", "app/lease", "app/pipeline", "app/db"}}

// readers may look into tables of packages above them, which they cannot ask: package → table → why.
var readers = map[string]map[string]string{
	"app/contact": {
		"contact_tags":   "the list of people is filtered by tag",
		"contact_stages": "the list of people is filtered by stage",
		"contact_scores": "the list of people is narrowed by score",
	},
}

var (
	created = regexp.MustCompile(`CREATE TABLE IF NOT EXISTS (\w+)`)
	reads   = regexp.MustCompile(`\b(?:FROM|JOIN)\s+(\w+)`)
	writes  = regexp.MustCompile(`\b(?:INTO|UPDATE|DELETE FROM)\s+(\w+)`)
)

func TestLayout_nobody_touches_tables_of_another_package(t *testing.T) {
	t.Parallel()
	owner := map[string][]string{}
	files, err := filepath.Glob("../migrations/mysql/*.sql")
	require.NoError(t, err)
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		_, name, _ := strings.Cut(strings.TrimSuffix(filepath.Base(f), ".sql"), "_")
		for _, m := range created.FindAllStringSubmatch(string(text), -1) {
			if owner[m[1]] = owners[name]; owner[m[1]] == nil {
				owner[m[1]] = []string{"app/" + name}
			}
		}
	}
	for _, s := range sources(t) {
		if s.test() || s.dir == "app/bench" { // it measures the tables: fills them, counts them, writes them bare
			continue
		}
		foreign := func(table string) bool { return owner[table] != nil && !slices.Contains(owner[table], s.dir) }
		for text := range s.strings() {
			for _, m := range writes.FindAllStringSubmatch(text, -1) {
				if foreign(m[1]) {
					t.Errorf("%s writes %s, a table of %v: tell it by an event", s.path(), m[1], owner[m[1]])
				}
			}
			for _, m := range reads.FindAllStringSubmatch(text, -1) {
				if foreign(m[1]) && readers[s.dir][m[1]] == "" {
					t.Errorf("%s reads %s, a table of %v: ask it", s.path(), m[1], owner[m[1]])
				}
			}
		}
	}
}

func TestLayout_nothing_else_stands_at_the_top(t *testing.T) {
	t.Parallel()
	allowed := []string{
		"cmd", "app", "channels", "h5", "templates", "migrations", "configs",
		"go.mod", "go.sum", "Makefile", "README.md", "LICENSE", "Dockerfile", "compose.yaml",
		"bin", "data", "demo-data", "koi.yaml", // made by building and running, never committed
	}
	entries, err := os.ReadDir("..")
	require.NoError(t, err)
	for _, e := range entries {
		ignored := slices.ContainsFunc([]string{".*", "*.test", "*.prof"}, func(pattern string) bool {
			ok, _ := filepath.Match(pattern, e.Name())
			return ok
		})
		if !ignored && !slices.Contains(allowed, e.Name()) {
			t.Errorf("%s does not belong at the top", e.Name())
		}
	}
}
