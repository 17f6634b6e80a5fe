// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/bulkhead-net/bulkhead/internal/clauses"
)

// whole is the suite of what only a complete run can show.
func whole(m module, reports []*report, w io.Writer) *report {
	fmt.Fprintln(w, "\n== whole")
	r := newReport("whole", w)
	var titles []string
	for _, other := range reports {
		titles = append(titles, other.titles...)
	}
	if proofs, err := scan(m); err != nil {
		r.problem("clauses", err.Error())
	} else {
		checkClauses(r, proofs, titles)
	}
	r.line("%d clauses have a test that passed", r.passed)
	r.printProblems(w)
	return r
}

func scan(m module) ([]clauses.Proof, error) {
	var paths []string
	for _, p := range m {
		for _, pattern := range []string{"*_test.go", "testdata/*.table"} {
			found, err := fs.Glob(os.DirFS("."), p.short()+"/"+pattern)
			if err != nil {
				return nil, err
			}
			paths = append(paths, found...)
		}
	}
	return clauses.Scan(os.DirFS("."), paths)
}

// checkClauses looks for clauses of the policy language that no passed test names.
func checkClauses(r *report, proofs []clauses.Proof, titles []string) {
	var tags []string
	for _, title := range titles {
		tags = append(tags, clauses.OfTest(proofs, title)...)
	}
	missing := clauses.Missing(tags)
	for _, c := range missing {
		r.problem("clause "+c.ID, "no test that names it ran and passed: "+c.Text+"\n")
	}
	for _, chapter := range clauses.Chapters() {
		r.passed += len(chapter.Clauses)
	}
	r.passed -= len(missing)
}
