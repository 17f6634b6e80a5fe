// SPDX-License-Identifier: Apache-2.0

package main

import "fmt"

// judgeData turns the samples into rows and goals.
func judgeData(r *results, subjects []*subject) {
	named := map[string]*subject{}
	for _, s := range subjects {
		named[s.name] = s
	}
	for _, metric := range metrics {
		for _, v := range variants() { // subjects are shuffled
			s := named[v.name]
			if len(s.samples[metric]) == 0 {
				continue
			}
			base, bare := floor, none
			if s.bridged {
				base, bare = "bridged floor", "bridged none"
			}
			x := s.samples[metric]
			r.Variants = append(r.Variants, variantFigure{Variant: s.name, Metric: metric,
				Min: quantile(x, 0), P25: quantile(x, 0.25), P50: median(x),
				Floor: compare(x, named[base].samples[metric]),
				None:  compare(x, named[bare].samples[metric])})
		}
	}
	judge := func(row, metric, a, b string, bound float64) {
		c := compare(named[a].samples[metric], named[b].samples[metric])
		r.atMost(row, fmt.Sprintf("%s: %s / %s", metric, a, b), c.Median, bound, "x",
			fmt.Sprintf("95 %% %.3f-%.3f, min %.3f, p25 %.3f, %d pairs", c.Low, c.High, c.Min,
				c.P25, c.Pairs))
	}
	const small, large = "ours, 10 peers", "ours, 100000 peers"
	judge("1", packetMetric, "ours, 1000 peers", floor, 1.03)
	judge("1", packetMetric, large, small, 1.03)
	judge("2", crrMetric, "ours, 1000 peers", floor, 1.05)
	judge("2", crrMetric, large, small, 1.08)
	judge("2", crrMetric, "ours, 10000 policies", "ours, 1 policies", 1.08)
	judge("2", crrMetric, "ours, 1000 peers", none, 1.20)
	judge("3", connectMetric, "ours, 1000 peers", none, 1.25)
	linear := compare(named["linear, 1000 policies"].samples[connectMetric],
		named[none].samples[connectMetric])
	r.atLeast("3", connectMetric+": linear, 1000 policies / none", linear.Median, 2, "x",
		fmt.Sprintf("95 %% %.3f-%.3f", linear.Low, linear.High))
	judge("13", packetMetric, "guard only", none, 1.06)
	judge("13", packetMetric, "guard only, spoofed", none, 0.80)
	noise := compare(named["floor again"].samples[packetMetric], named[floor].samples[packetMetric])
	r.sample("A/A: packet ns, floor again / floor", "x", []float64{noise.Median})
	r.sample("A/A: packet ns, spread of that ratio", "x", []float64{noise.High - noise.Low})
}
