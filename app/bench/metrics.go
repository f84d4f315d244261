package bench

import (
	"bufio"
	"context"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// gauges are the samples of a /metrics page, by name with labels as they stand there.
type gauges map[string]float64

func scrape(ctx context.Context, url string) (gauges, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	g := gauges{}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		line := lines.Text()
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		if v, err := strconv.ParseFloat(line[at+1:], 64); err == nil {
			g[line[:at]] = v
		}
	}
	return g, lines.Err()
}

// sum adds a family up over its labels.
func (g gauges) sum(name string) float64 {
	var n float64
	for k, v := range g {
		if k == name || strings.HasPrefix(k, name+"{") {
			n += v
		}
	}
	return n
}

// quantile estimates a quantile of what a histogram gained since before, within its bucket.
func (g gauges) quantile(name string, before gauges, q float64) float64 {
	type bucket struct{ le, n float64 }
	var list []bucket
	for k, v := range g {
		rest, ok := strings.CutPrefix(k, name+`_bucket{le="`)
		if !ok {
			continue
		}
		le, err := strconv.ParseFloat(strings.TrimSuffix(rest, `"}`), 64)
		if err != nil {
			le = math.Inf(1)
		}
		list = append(list, bucket{le, v - before[k]})
	}
	slices.SortFunc(list, func(a, b bucket) int { return int(math.Copysign(1, a.le-b.le)) })
	if len(list) == 0 || list[len(list)-1].n == 0 {
		return 0
	}
	want := q * list[len(list)-1].n
	var low, under float64
	for _, b := range list {
		if b.n >= want {
			if math.IsInf(b.le, 1) {
				return low
			}
			return low + (b.le-low)*(want-under)/(b.n-under)
		}
		low, under = b.le, b.n
	}
	return low
}

// watch samples while something runs: how far the pipeline lags at most, and how much memory Koi takes.
type watch struct {
	lag    float64 // s
	peak   int64
	cancel context.CancelFunc
	done   chan struct{}
}

func (r *rig) watch(ctx context.Context) *watch {
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		_ = poll(ctx, 250*time.Millisecond, func() (bool, error) {
			if g, err := scrape(ctx, r.koi.url); err == nil {
				w.lag = max(w.lag, g["koi_pipeline_lag_seconds"])
			}
			w.peak = max(w.peak, usageOf(r.koi.pid()).rss)
			return false, nil
		})
	}()
	return w
}

func (w *watch) stop() {
	w.cancel()
	<-w.done
}
