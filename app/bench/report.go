package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Report is what a benchmark found.
type Report struct {
	Bench     string         `json:"bench"`
	Engine    string         `json:"engine"`
	CPUs      int            `json:"cpus"`
	People    int            `json:"people"`
	Processes map[string]int `json:"processes"` // name → process id
	Figures   []Figure       `json:"figures"`
}

// Figure is one number.
type Figure struct {
	Key   string  `json:"key"`
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
	Ratio float64 `json:"ratio,omitempty"`    // Value to that of RatioTo
	Of    string  `json:"ratio_to,omitempty"` // key of another figure
	Goal  string  `json:"goal,omitempty"`     // "< 20", "≥ 0.6 ×"
	Met   *bool   `json:"met,omitempty"`
}

func newReport(name string, o Options) *Report {
	return &Report{Bench: name, Engine: string(o.Driver), CPUs: runtime.NumCPU(), People: o.People, Processes: map[string]int{}}
}

// add puts a figure into the report; the returned pointer is good until the next one.
func (r *Report) add(key, name string, value float64, unit string) *Figure {
	r.Figures = append(r.Figures, Figure{Key: key, Name: name, Value: value, Unit: unit})
	return &r.Figures[len(r.Figures)-1]
}

// Value is a figure by its key, 0 when there is none.
func (r *Report) Value(key string) float64 {
	for _, f := range r.Figures {
		if f.Key == key {
			return f.Value
		}
	}
	return 0
}

// to sets the ratio to another figure.
func (f *Figure) to(r *Report, key string) *Figure {
	if v := r.Value(key); v != 0 {
		f.Ratio, f.Of = f.Value/v, key
	}
	return f
}

func (f *Figure) met(goal string, ok bool) *Figure {
	f.Goal, f.Met = goal, &ok
	return f
}

func (f *Figure) below(limit float64) *Figure {
	return f.met("< "+number(limit), f.Value < limit)
}

func (f *Figure) atLeast(limit float64) *Figure {
	return f.met("≥ "+number(limit), f.Value >= limit)
}

// latencies adds a histogram of microseconds as milliseconds.
func (r *Report) latencies(key, name string, h *hdrhistogram.Histogram) {
	for _, p := range []struct {
		key, name string
		at        float64
	}{{"p50", "p50", 50}, {"p99", "p99", 99}, {"p999", "p99.9", 99.9}, {"max", "最大", 100}} {
		r.add(key+"_"+p.key+"_ms", name+" "+p.name, float64(h.ValueAtQuantile(p.at))/1000, "ms")
	}
}

// find returns a figure to set its goal, or one that is thrown away.
func (r *Report) find(key string) *Figure {
	for i := range r.Figures {
		if r.Figures[i].Key == key {
			return &r.Figures[i]
		}
	}
	return &Figure{}
}

// JSON writes the report for machines.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// Print writes the report as a table.
func (r *Report) Print(w io.Writer) {
	names := map[string]string{}
	rows := [][]string{{"指标", "数值", "比值", "目标"}}
	for _, f := range r.Figures {
		names[f.Key] = f.Name
		row := []string{f.Name, strings.TrimSpace(number(f.Value) + " " + f.Unit), "", f.Goal}
		if f.Of != "" {
			row[2] = number(f.Ratio) + " × " + names[f.Of]
		}
		if f.Met != nil && *f.Met {
			row[3] += " ✓"
		} else if f.Met != nil {
			row[3] += " ✗"
		}
		rows = append(rows, row)
	}
	wide := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			wide[i] = max(wide[i], columns(cell))
		}
	}
	fmt.Fprintf(w, "koi bench %s · %s · %d 核 · %d 人", r.Bench, r.Engine, r.CPUs, r.People)
	for _, name := range []string{"load", "koi", "simulator"} {
		if pid := r.Processes[name]; pid != 0 {
			fmt.Fprintf(w, " · %s pid %d", name, pid)
		}
	}
	fmt.Fprintln(w)
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell + strings.Repeat(" ", wide[i]-columns(cell)+2))
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}

// columns is how wide a terminal shows a text: Chinese characters take two.
func columns(s string) int {
	n := 0
	for _, r := range s {
		if n++; r >= 0x2E80 {
			n++
		}
	}
	return n
}

// number shows three significant digits or whole numbers.
func number(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100 || v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// newHistogram holds microseconds up to ten minutes with three significant digits.
func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 600_000_000, 3) }
