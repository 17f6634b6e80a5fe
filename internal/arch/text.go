// SPDX-License-Identifier: Apache-2.0

package arch

import (
	"bytes"
	"path"
	"regexp"
)

// The patterns are spelled so that this file does not match them.
var (
	unfinishedWords = regexp.MustCompile(`\b(TOD[O]|FIXM[E]|XX[X])\b`)
	machinePath     = regexp.MustCompile(`(?m)(^|[^A-Za-z0-9_.~*-])/(wor[k]|roo[t]|hom[e]/\w+)/`)
	registryHost    = regexp.MustCompile(`\b(proxy\.golan[g]\.org|registry\.npmj[s]\.org)\b`)
)

// unfinished finds the words that mark unfinished work.
func unfinished(t *Tree) []Violation {
	return t.grep(unfinishedWords, "a mark in the code is a plan that nobody reads: do it now or "+
		"leave it out")
}

// machinePaths finds what is true on one machine only.
func machinePaths(t *Tree) []Violation {
	return append(
		t.grep(machinePath, "no other machine has this path"),
		t.grep(registryHost, "where packages come from is the choice of who builds")...)
}

// grep applies a pattern to every text file. Checksums are not prose.
func (t *Tree) grep(pattern *regexp.Regexp, why string) []Violation {
	var out []Violation
	for _, f := range t.Files {
		if !f.isText() || path.Base(f.Path) == "go.sum" {
			continue
		}
		for _, at := range pattern.FindAllIndex(f.Text, -1) {
			out = append(out, Violation{f.Path, 1 + bytes.Count(f.Text[:at[1]], []byte("\n")),
				"found " + string(bytes.TrimSpace(f.Text[at[0]:at[1]])), why})
		}
	}
	return out
}
