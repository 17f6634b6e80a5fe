// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/node"
)

// metrics are the agent's figures. No label has values that a workload or a policy could choose, so
// that their number is bounded.
type metrics struct {
	registry *prometheus.Registry

	requests  *prometheus.HistogramVec // verb, outcome
	tasks     *prometheus.HistogramVec // task, outcome
	changes   *prometheus.CounterVec   // flows: judged again or untouched
	steps     prometheus.Counter
	repairs   prometheus.Counter
	endpoints *prometheus.GaugeVec // state
	policies  *prometheus.GaugeVec // state
	writers   prometheus.Gauge
	ready     prometheus.Gauge
	gen       prometheus.Gauge
}

// buckets run from half a millisecond to half a minute.
var buckets = prometheus.ExponentialBuckets(0.0005, 2, 17)

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bulkhead_request_duration_seconds", Buckets: buckets,
			Help: "Time to answer a request of the plugin or of bulkheadctl."},
			[]string{"verb", "outcome"}),
		tasks: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bulkhead_task_duration_seconds", Buckets: buckets,
			Help: "Time to bring the kernel up to date, by what was looked after."},
			[]string{"task", "outcome"}),
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bulkhead_changes_total",
			Help: "Transactions, by whether running flows were judged again."}, []string{"flows"}),
		steps: prometheus.NewCounter(prometheus.CounterOpts{Name: "bulkhead_operations_total",
			Help: "Operations of all transactions."}),
		repairs: prometheus.NewCounter(prometheus.CounterOpts{Name: "bulkhead_repairs_total",
			Help: "Times that the kernel did not hold the rules that it was left with."}),
		endpoints: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "bulkhead_endpoints",
			Help: "Endpoints of this node."}, []string{"state"}),
		policies: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "bulkhead_policies",
			Help: "Documents of the policy directory."}, []string{"state"}),
		writers: prometheus.NewGauge(prometheus.GaugeOpts{Name: "bulkhead_foreign_mark_writers",
			Help: "Rules of others that write the marks that say \"judged\"."}),
		ready: prometheus.NewGauge(prometheus.GaugeOpts{Name: "bulkhead_ready",
			Help: "1 if attachments are served and policies followed."}),
		gen: prometheus.NewGauge(prometheus.GaugeOpts{Name: "bulkhead_generation",
			Help: "Generation of the rules in the kernel."}),
	}
	m.registry.MustRegister(m.requests, m.tasks, m.changes, m.steps, m.repairs, m.endpoints,
		m.policies, m.writers, m.ready, m.gen, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, agentapi.ErrInvalid):
		return "invalid"
	}
	return "error"
}

func (m *metrics) ran(task string, d time.Duration, err error) {
	m.tasks.WithLabelValues(task, outcome(err)).Observe(d.Seconds())
}

func (m *metrics) served(verb string, d time.Duration, err error) {
	m.requests.WithLabelValues(verb, outcome(err)).Observe(d.Seconds())
}

func (m *metrics) changed(operations int, flipped bool) {
	flows := "untouched"
	if flipped {
		flows = "judged again"
	}
	m.changes.WithLabelValues(flows).Inc()
	m.steps.Add(float64(operations))
}

func (m *metrics) publish(s Summary) {
	for _, state := range []EndpointStanding{EndpointEnforced, EndpointQuarantined,
		EndpointNotEnforced} {
		m.endpoints.WithLabelValues(string(state)).Set(float64(s.Endpoints[state]))
	}
	for _, state := range node.PolicyStandings {
		m.policies.WithLabelValues(string(state)).Set(float64(s.Policies[state]))
	}
	m.writers.Set(float64(len(s.MarkWriters)))
	m.gen.Set(float64(s.Generation))
	m.ready.Set(0)
	if s.Ready {
		m.ready.Set(1)
	}
}
