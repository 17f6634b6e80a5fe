// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math/rand/v2"
	"slices"
	"time"
)

// quantile is the value below which the share q of the sample lies.
func quantile(sample []float64, q float64) float64 {
	if len(sample) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(sample))
	return s[min(len(s)-1, int(q*float64(len(s))))]
}

func median(sample []float64) float64 {
	s := slices.Sorted(slices.Values(sample))
	if n := len(s); n%2 == 0 && n > 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return quantile(s, 0.5)
}

// ratio is how one variant compares with another in pairs that were measured together.
type ratio struct {
	Median float64 `json:"median"`
	// Low and High bound the median with 95 % confidence.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Min and P25 compare the best, and the first quartiles, of both: what is left when other
	// work on the machine is taken out.
	Min   float64 `json:"min"`
	P25   float64 `json:"p25"`
	Pairs int     `json:"pairs"`
}

// compare pairs the i-th measurements of both.
func compare(a, b []float64) ratio {
	n := min(len(a), len(b))
	pairs := make([]float64, n)
	for i := range pairs {
		pairs[i] = a[i] / b[i]
	}
	r := ratio{Median: median(pairs), Pairs: n,
		Min: quantile(a, 0) / quantile(b, 0), P25: quantile(a, 0.25) / quantile(b, 0.25)}
	r.Low, r.High = bootstrap(pairs)
	return r
}

// bootstrap is the interval of the median over samples drawn anew from the pairs. The seed is
// fixed: the same pairs give the same interval.
func bootstrap(pairs []float64) (low, high float64) {
	const times = 1000
	random := rand.New(rand.NewPCG(1, 2))
	medians := make([]float64, times)
	again := make([]float64, len(pairs))
	for i := range medians {
		for j := range again {
			again[j] = pairs[random.IntN(len(pairs))]
		}
		medians[i] = median(again)
	}
	return quantile(medians, 0.025), quantile(medians, 0.975)
}

// ms is a duration in milliseconds.
func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
