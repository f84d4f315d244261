package journey

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Gauge is how many runs are inside journeys (koi_journey_runs), counted when it is read.
func (d *Directory) Gauge() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "koi_journey_runs", Help: "Runs inside journeys."}, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		n, err := d.Inside(ctx)
		if err != nil {
			slog.Warn("统计旅程在途人数失败", "err", err)
			return 0
		}
		return float64(n)
	})
}

// Inside is how many runs are under way, over all journeys.
func (d *Directory) Inside(ctx context.Context) (int64, error) {
	counts, err := d.counts(ctx, "node=''")
	n := int64(0)
	for _, c := range counts {
		n += c.Open
	}
	return n, err
}
