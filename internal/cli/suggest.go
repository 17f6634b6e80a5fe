// SPDX-License-Identifier: Apache-2.0

package cli

import "fmt"

// DidYouMean returns `; did you mean "x"?` for the known word that is nearest to the one found,
// or nothing when none is near.
func DidYouMean(found string, known []string) string {
	const longest = 40 // the distance is quadratic
	if len(found) > longest {
		return ""
	}
	best, bestDistance := "", 1+len(found)/3
	for _, word := range known {
		if d := distance(found, word); d <= bestDistance && d < min(len(word), len(found)) {
			if best == "" || d < bestDistance {
				best, bestDistance = word, d
			}
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance counts the letters to insert, remove or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			same := 1
			if a[i-1] == b[j-1] {
				same = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+same)
		}
	}
	return row[len(b)]
}
