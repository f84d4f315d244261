// Command test runs go test on SQLite and MariaDB: it starts one throwaway MariaDB for all test
// processes, shows of each package what go test would show, and ends with the ten slowest tests.
// Arguments are go test's.
package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/koi-scrm/koi/app/db/dbtest"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	env := os.Environ()
	if os.Getenv("KOI_TEST_MYSQL") == "" {
		dir, err := os.MkdirTemp("", "koi-mariadb-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		server, err := dbtest.StartServer(ctx, dir)
		if err != nil {
			return fmt.Errorf("no MariaDB to test on: %w", err)
		}
		defer server.Kill()
		env = append(env, "KOI_TEST_MYSQL="+server.DSN(""))
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Env = env
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	r := report{seen: map[string]*test{}}
	r.read(out)
	err = cmd.Wait()
	r.close(os.Stdout)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	if err != nil || r.failed > 0 {
		return errors.New("FAIL")
	}
	return nil
}

// test is one test of one package; Package itself has an empty Test.
type test struct {
	name    string
	output  []string
	elapsed float64
	parent  bool
}

// event is a line of go test -json (go doc test2json).
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64
}

type report struct {
	seen                    map[string]*test
	passed, failed, skipped int
	failures                []string
	reasons                 map[string]int // why tests were skipped
}

func (r *report) read(in io.Reader) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Println(lines.Text()) // not of test2json: go's own complaint
			continue
		}
		r.take(e)
	}
}

func (r *report) take(e event) {
	if e.Action == "build-output" {
		fmt.Print(e.Output)
		return
	}
	key := e.Package + " " + e.Test
	t := r.seen[key]
	if t == nil {
		t = &test{name: strings.TrimPrefix(key, "github.com/koi-scrm/koi/")}
		r.seen[key] = t
		if i := strings.LastIndexByte(key, '/'); e.Test != "" && i > len(e.Package) {
			if p := r.seen[key[:i]]; p != nil {
				p.parent = true
			}
		}
	}
	if e.Test == "" {
		r.takePackage(t, e)
		return
	}
	switch e.Action {
	case "output":
		t.output = append(t.output, e.Output)
	case "pass":
		r.passed++
		t.elapsed, t.output = e.Elapsed, nil
	case "skip":
		r.skipped++
		r.noteReason(t.output)
		t.output = nil
	case "fail":
		r.fail(t)
		t.elapsed = e.Elapsed
		r.print(t)
	}
}

// takePackage prints at once what is said of a package as a whole: its closing line, a panic, an exit.
func (r *report) takePackage(t *test, e event) {
	switch {
	case e.Action == "fail":
		// A test that was running when the process died has no end of its own.
		for key, other := range r.seen {
			if strings.HasPrefix(key, e.Package+" Test") {
				r.print(other)
			}
		}
		if !slices.ContainsFunc(r.failures, func(name string) bool { return strings.HasPrefix(name, t.name) }) {
			r.fail(t) // it did not build, or died outside a test
		}
	case e.Action != "output" || e.Output == "PASS\n" || strings.HasPrefix(e.Output, "?   \t"):
	default:
		fmt.Print(e.Output)
	}
}

func (r *report) fail(t *test) {
	r.failed++
	r.failures = append(r.failures, t.name)
}

func (r *report) print(t *test) {
	for _, line := range t.output {
		if !strings.HasPrefix(line, "=== ") {
			fmt.Print(line)
		}
	}
	t.output = nil
}

func (r *report) noteReason(output []string) {
	for _, line := range output {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- ") {
			continue
		}
		if _, reason, ok := strings.Cut(line, ".go:"); ok {
			if _, reason, ok = strings.Cut(reason, ": "); ok {
				line = reason
			}
		}
		if r.reasons == nil {
			r.reasons = map[string]int{}
		}
		r.reasons[line]++
	}
}

func (r *report) close(out io.Writer) {
	var leaves []*test
	for _, t := range r.seen {
		if !t.parent && t.elapsed > 0 {
			leaves = append(leaves, t)
		}
	}
	slices.SortFunc(leaves, func(a, b *test) int { return cmp.Compare(b.elapsed, a.elapsed) })
	fmt.Fprintln(out, "\nslowest tests:")
	for _, t := range leaves[:min(10, len(leaves))] {
		fmt.Fprintf(out, "%8.2fs  %s\n", t.elapsed, t.name)
	}
	for reason, n := range r.reasons {
		fmt.Fprintf(out, "skipped %d: %s\n", n, reason)
	}
	for _, name := range r.failures {
		fmt.Fprintf(out, "failed: %s\n", name)
	}
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
}
