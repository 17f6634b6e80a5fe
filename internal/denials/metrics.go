// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bulkhead-net/bulkhead/internal/flow"
)

// collector reads the figures when somebody asks for them.
type collector struct{ pipeline *Pipeline }

// Metrics are the figures of the account. Labels have values that policies choose in one of them
// only, and of these at most 200 and "other".
func (p *Pipeline) Metrics() prometheus.Collector { return collector{p} }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("bulkhead_denials_"+name, help, labels, nil)
}

var (
	packetsDesc = desc("packets_total", "Packets that records tell of.", "kind", "policy",
		"direction", "reason")
	counterDesc = desc("kernel_packets", "Packets that the kernel's counters counted, since the "+
		"ledger began.", "kind", "direction", "reason")
	balanceDesc = desc("balance_packets", "Packets that were counted since the ledger began, by "+
		"what became of them.", "kind", "balance")
	recordsDesc  = desc("records_total", "Records that were made.")
	missedDesc   = desc("missed_records_total", "Records that a sink does not have.", "sink")
	samplesDesc  = desc("samples_total", "Packets that the kernel's log handed over.")
	gapsDesc     = desc("log_gaps_total", "Samples that were lost.")
	overrunsDesc = desc("log_overruns_total", "Times that the log's buffer was full.")
	disagreeDesc = desc("disagreements_total", "Samples that the policies do not explain.")
	partDesc     = desc("part_ready", "1 if a part of the account works.", "part")
	canaryDesc   = desc("canary_age_seconds", "Time since a packet that the agent sent itself was "+
		"seen in the kernel's log.")
	behindDesc = desc("behind_seconds", "Age of the last reading of the kernel's numbers.")
)

// Describe names the metrics.
func (c collector) Describe(out chan<- *prometheus.Desc) { DescribeMetrics(out) }

// DescribeMetrics names the metrics without an account.
func DescribeMetrics(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{packetsDesc, counterDesc, balanceDesc, recordsDesc,
		missedDesc, samplesDesc, gapsDesc, overrunsDesc, disagreeDesc, partDesc, canaryDesc,
		behindDesc} {
		out <- d
	}
}

// Collect reads them.
func (c collector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	s := c.pipeline.Status()
	packets, _ := c.pipeline.sums.get()
	for sum, n := range packets {
		count(packetsDesc, n, string(sum.Kind), sum.Policy, sum.Direction, sum.Reason)
	}
	for sum, n := range c.pipeline.counted() {
		gauge(counterDesc, float64(n), string(sum.Kind), sum.Direction, sum.Reason)
	}
	for kind, b := range map[flow.Kind]flow.Balance{flow.Denied: s.Totals.Denied,
		flow.WouldDeny: s.Totals.WouldDeny} {
		gauge(balanceDesc, float64(b.Recorded), string(kind), "recorded")
		gauge(balanceDesc, float64(b.Lost), string(kind), "lost")
		gauge(balanceDesc, float64(b.Unlogged), string(kind), "unlogged")
	}
	count(recordsDesc, s.Records)
	count(missedDesc, s.Journal.Missed, "journal")
	count(missedDesc, s.Spool.Missed, "spool")
	count(missedDesc, s.Spool.Dropped, "spool, not taken over")
	count(samplesDesc, s.Log.Messages)
	count(gapsDesc, s.Log.Gaps)
	count(overrunsDesc, s.Log.Overruns)
	count(disagreeDesc, s.Window.Disagreed)
	for name, part := range s.parts() {
		ready := 0.0
		if part.Ready {
			ready = 1
		}
		gauge(partDesc, ready, name)
	}
	if !s.Canary.Seen.IsZero() {
		gauge(canaryDesc, time.Since(s.Canary.Seen).Seconds())
	}
	if !s.Read.IsZero() {
		gauge(behindDesc, time.Since(s.Read).Seconds())
	}
}

// counted adds up the kernel's counters.
func (p *Pipeline) counted() map[Sum]uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[Sum]uint64{}
	for _, r := range p.book.ledger.Reports() {
		if r.Counter.Overflow() {
			continue
		}
		sum := Sum{Kind: r.Counter.Tells(), Direction: "none", Reason: string(r.Counter.Reason())}
		if d, ok := r.Counter.Direction(); ok {
			sum.Direction = d.String()
		}
		out[sum] += r.Counted
	}
	return out
}
