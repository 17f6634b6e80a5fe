// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// part is one area of measurement.
type part struct {
	name    string
	control bool // profiled with -profile
	run     func(context.Context, *rig, *results)
}

var parts []part

func init() {
	parts = []part{
		{name: "data", run: dataPlane},
		{name: "rules", run: singleRules},
		{name: "commit", control: true, run: commits},
		{name: "change", control: true, run: changes},
		{name: "revoke", run: revocations},
		{name: "load", run: loads},
		{name: "cni", run: plugins},
		{name: "agent", run: agents},
		{name: "denials", run: denialsPart},
	}
}

func partNames() string {
	return "data, rules, commit, change, revoke, load, cni, agent, denials"
}

func wanted(only, name string) bool {
	return only == "" || strings.Contains(","+only+",", ","+name+",")
}

// results is everything that a run found.
type results struct {
	Machine  string    `json:"machine"`
	Started  time.Time `json:"started"`
	Rounds   int       `json:"rounds"`
	Sweeps   int       `json:"sweeps"`
	Variants []variantFigure
	Figures  []figure `json:"figures"`
	Goals    []goal   `json:"goals"`

	options options
}

// variantFigure is one row of the data plane.
type variantFigure struct {
	Variant string  `json:"variant"`
	Metric  string  `json:"metric"`
	Min     float64 `json:"min"`
	P25     float64 `json:"p25"`
	P50     float64 `json:"p50"`
	Floor   ratio   `json:"floor"`
	None    ratio   `json:"none"`
}

// figure is a distribution, in the unit.
type figure struct {
	What string  `json:"what"`
	Unit string  `json:"unit"`
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	Min  float64 `json:"min"`
	N    int     `json:"n"`
}

// goal is a figure with a bound.
type goal struct {
	Row      string  `json:"row"`
	What     string  `json:"what"`
	Measured float64 `json:"measured"`
	Sign     string  `json:"sign"`
	Bound    float64 `json:"bound"`
	Unit     string  `json:"unit"`
	OK       bool    `json:"ok"`
	Note     string  `json:"note,omitempty"`
}

func newResults(o options) *results {
	var u unix.Utsname
	_ = unix.Uname(&u)
	text := func(b []byte) string { return string(bytes.TrimRight(b, "\x00")) }
	return &results{
		Machine: fmt.Sprintf("%s %s, %d CPUs, %s", text(u.Sysname[:]), text(u.Release[:]),
			runtime.NumCPU(), runtime.Version()),
		Started: time.Now().UTC(), Rounds: o.rounds, Sweeps: o.sweeps, options: o,
	}
}

func (r *results) part(ctx context.Context, o options, p part) error {
	if o.profile != "" && p.control {
		f, err := os.Create(o.profile + "." + p.name)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	return guarded(func(g *rig) { p.run(ctx, g, r) })
}

// sample records a distribution and returns its median.
func (r *results) sample(what, unit string, values []float64) float64 {
	f := figure{What: what, Unit: unit, N: len(values), Min: quantile(values, 0),
		P50: median(values), P99: quantile(values, 0.99)}
	r.Figures = append(r.Figures, f)
	return f.P50
}

// atMost and atLeast record a goal.
func (r *results) atMost(row, what string, measured, bound float64, unit, note string) {
	r.Goals = append(r.Goals, goal{row, what, measured, "<=", bound, unit, measured <= bound, note})
}

func (r *results) atLeast(row, what string, measured, bound float64, unit, note string) {
	r.Goals = append(r.Goals, goal{row, what, measured, ">=", bound, unit, measured >= bound, note})
}

func (r *results) missed() bool {
	for _, g := range r.Goals {
		if !g.OK {
			return true
		}
	}
	return false
}

func (r *results) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\n%d rounds of %d sweeps\n", r.Machine, r.Rounds, r.Sweeps)
	if len(r.Variants) > 0 {
		fmt.Fprintln(w, "\nvariant\tmetric\tmin\tp25\tp50\t/floor\t95 %\t/none\t95 %")
	}
	for _, v := range r.Variants {
		fmt.Fprintf(w, "%s\t%s\t%.2f\t%.2f\t%.2f\t%.3f\t%.3f-%.3f\t%.3f\t%.3f-%.3f\n", v.Variant,
			v.Metric, v.Min, v.P25, v.P50, v.Floor.Median, v.Floor.Low, v.Floor.High,
			v.None.Median, v.None.Low, v.None.High)
	}
	if len(r.Figures) > 0 {
		fmt.Fprintln(w, "\nfigure\tunit\tmin\tp50\tp99\tn")
	}
	for _, f := range r.Figures {
		fmt.Fprintf(w, "%s\t%s\t%.3f\t%.3f\t%.3f\t%d\n", f.What, f.Unit, f.Min, f.P50, f.P99, f.N)
	}
	fmt.Fprintln(w, "\ngoal\twhat\tmeasured\tbound\tunit\tok\tnote")
	for _, g := range r.Goals {
		ok := "yes"
		if !g.OK {
			ok = "NO"
		}
		fmt.Fprintf(w, "%s\t%s\t%.3f\t%s %.3f\t%s\t%s\t%s\n", g.Row, g.What, g.Measured, g.Sign,
			g.Bound, g.Unit, ok, g.Note)
	}
	w.Flush()
}
