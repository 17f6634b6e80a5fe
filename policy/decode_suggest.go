// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
)

// suggestion returns ` (did you mean "x"?)` for the accepted word that is nearest to the one
// found, or nothing when none is near.
func suggestion(found string, accepted []string) string {
	best, bestDistance := "", 1+len(found)/5
	for _, word := range accepted {
		if strings.EqualFold(word, found) {
			best = word
			break
		}
		// The distance is quadratic, and found is somebody's text.
		if len(word) > maxQuoted || len(found) > maxQuoted {
			continue
		}
		d := distance(strings.ToLower(found), strings.ToLower(word))
		if d <= bestDistance && d < min(len(word), len(found)) && (best == "" || d < bestDistance) {
			best, bestDistance = word, d
		}
	}
	if best == "" {
		return ""
	}
	return " (did you mean " + quoted(best) + "?)"
}

// distance counts the letters to insert, remove, replace or swap with their neighbour.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			same := 1
			if a[i-1] == b[j-1] {
				same = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+same)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}

// oneOf lists words for the "accepted" part of a problem.
func oneOf(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return "one of " + strings.Join(words, ", ")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
