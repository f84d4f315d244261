package outbox

import "github.com/prometheus/client_golang/prometheus"

// Metrics are what the outbox shows of itself.
type Metrics struct {
	messages   *prometheus.CounterVec
	suppressed *prometheus.CounterVec
	queue      prometheus.Gauge
	toAction   prometheus.Histogram
}

// NewMetrics makes and registers them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "koi_outbox_messages_total", Help: "Messages that came to a state, by channel."}, []string{"channel", "status"}),
		suppressed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "koi_outbox_suppressed_total", Help: "Messages kept by policy, by reason."}, []string{"reason"}),
		queue: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "koi_outbox_queue", Help: "Attempts in memory: queued for their account or on their way."}),
		toAction: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "koi_event_to_action_seconds", Help: "From an event's arrival at the door to its message at the sender.",
			Buckets: []float64{.005, .01, .02, .03, .05, .075, .1, .15, .25, .5, 1, 2.5, 10}}),
	}
	reg.MustRegister(m.messages, m.suppressed, m.queue, m.toAction)
	return m
}

// count takes over what a committed batch changed.
func (m *Metrics) count(changes map[counted]int) {
	for c, n := range changes {
		m.messages.WithLabelValues(string(c.channel), string(c.state)).Add(float64(n))
		if c.state == Suppressed {
			m.suppressed.WithLabelValues(string(c.reason)).Add(float64(n))
		}
	}
}
