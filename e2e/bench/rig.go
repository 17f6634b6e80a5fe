// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"testing"
)

// rig lets testnet, which is made for tests, build networks for a program. It is a testing.TB
// in as far as testnet uses one; any other method is a nil pointer and shows at once.
type rig struct {
	testing.TB
	cleanups []func()
}

// failure is what ends a part.
type failure struct{ err error }

func (r *rig) Helper() {}

func (r *rig) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

func (r *rig) Fatalf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

func (r *rig) Fatal(args ...any) { panic(failure{fmt.Errorf("%s", fmt.Sprint(args...))}) }

func (r *rig) Name() string { return "bench" }

// close takes down what was built, the last first.
func (r *rig) close() {
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
	r.cleanups = nil
}

// must ends the part on an error.
func must(err error) {
	if err != nil {
		panic(failure{err})
	}
}

// need is must for a call with a result.
func need[T any](v T, err error) T {
	must(err)
	return v
}

// guarded runs a part with a rig of its own and returns what ended it.
func guarded(f func(*rig)) (err error) {
	r := &rig{}
	defer r.close()
	defer func() {
		switch p := recover().(type) {
		case nil:
		case failure:
			err = p.err
		default:
			panic(p)
		}
	}()
	f(r)
	return nil
}
