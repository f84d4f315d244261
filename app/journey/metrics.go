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
		counts, err := d.counts(ctx, "node=''")
		if err != nil {
			slog.Warn("统计旅程在途人数失败", "err", err)
			return 0
		}
		n := int64(0)
		for _, c := range counts {
			n += c.Open
		}
		return float64(n)
	})
}
