// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math/rand/v2"
	"testing"
)

func TestQuantiles(t *testing.T) {
	sample := []float64{5, 1, 4, 2, 3}
	for _, row := range []struct{ q, want float64 }{{0, 1}, {0.25, 2}, {0.5, 3}, {0.99, 5}, {1, 5}} {
		if got := quantile(sample, row.q); got != row.want {
			t.Errorf("quantile %v: got %v, want %v", row.q, got, row.want)
		}
	}
	if got := median([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("median of an even sample: got %v, want 2.5", got)
	}
	if got := median(nil); got != 0 {
		t.Errorf("median of nothing: got %v, want 0", got)
	}
}

// A machine that drifts slows both measurements of a pair: the ratio must not see it.
func TestCompareIgnoresDrift(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var a, b []float64
	for i := range 200 {
		drift := 1 + float64(i)/50
		b = append(b, drift*(1+random.Float64()/10))
		a = append(a, drift*1.5*(1+random.Float64()/10))
	}
	r := compare(a, b)
	if r.Low > 1.5 || r.High < 1.5 || r.High-r.Low > 0.05 || r.Pairs != 200 {
		t.Errorf("got %+v, want 1.5 between narrow bounds", r)
	}
}
