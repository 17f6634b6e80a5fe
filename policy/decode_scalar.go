// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Words that YAML 1.1 reads as booleans and YAML 1.2 as text. The API server's reader knows
// them as booleans, so without quotes they are neither, here or there.
var ambiguousWords = []string{"yes", "no", "on", "off"}

// text reads a string.
func (v value) text(accepted string) (string, bool) {
	n := v.target()
	if n.Kind != yaml.ScalarNode {
		v.wrong(accepted)
		return "", false
	}
	switch n.ShortTag() {
	case "!!str":
		if n.Style == 0 && slices.Contains(ambiguousWords, strings.ToLower(n.Value)) {
			v.reject(n.Value+" without quotes", accepted+`, in quotes: "`+n.Value+`"`)
			return "", false
		}
		return n.Value, true
	case "!!timestamp":
		return n.Value, true
	case "!!int", "!!float", "!!bool":
		v.reject(v.describe()+" without quotes", accepted+", in quotes")
		return "", false
	}
	v.wrong(accepted)
	return "", false
}

// Octal, underscores and signs read differently from one YAML reader to the next.
var decimal = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,9})$`)

// integer reads a number between low and high.
func (v value) integer(low, high int64) (int64, bool) {
	n := v.target()
	accepted := fmt.Sprintf("a number from %d to %d", low, high)
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" {
		v.wrong(accepted)
		return 0, false
	}
	if !decimal.MatchString(n.Value) {
		v.wrong(accepted + ", in plain decimal digits")
		return 0, false
	}
	i, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil || i < low || i > high {
		v.wrong(accepted)
		return 0, false
	}
	return i, true
}

// boolean reads true or false.
func (v value) boolean() (is, ok bool) {
	n := v.target()
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!bool" {
		switch n.Value {
		case "true":
			return true, true
		case "false":
			return false, true
		}
	}
	v.wrong("true or false")
	return false, false
}

// list reads a list of low (0 or 1) to high items; high 0 means no bound but the document's.
// An item that is null is an error: the API server would read "- " as {}, which matches
// everything.
func (v value) list(what string, low, high int) ([]value, bool) {
	n := v.target()
	if n.Kind != yaml.SequenceNode {
		v.wrong("a list of " + what)
		return nil, false
	}
	if len(n.Content) < low {
		v.reject("an empty list", "a list of "+what+" with at least one")
		return nil, false
	}
	if high > 0 && len(n.Content) > high {
		v.reject(fmt.Sprintf("%d items", len(n.Content)), fmt.Sprintf("at most %d", high))
	}
	items := make([]value, 0, len(n.Content))
	clean := true
	for i, item := range n.Content {
		at := value{doc: v.doc, node: item, path: fmt.Sprintf("%s[%d]", v.path, i)}
		if at.isNull() {
			at.reject("null", "no empty item in a list of "+what)
			clean = false
			continue
		}
		items = append(items, at)
	}
	return items, clean
}

// texts reads a list of different strings.
func (v value) texts(what string, low, high int) []value {
	items, _ := v.list(what, low, high)
	seen := map[string]bool{}
	for _, item := range items {
		n := item.target()
		if n.Kind == yaml.ScalarNode && seen[n.Value] {
			item.reject(item.describe()+" a second time", "different "+what)
		}
		seen[n.Value] = true
	}
	return items
}

// enum reads one of the accepted words.
func enum[T ~string](v value, accepted ...T) (T, bool) {
	words := make([]string, len(accepted))
	for i, a := range accepted {
		words[i] = string(a)
	}
	s, ok := v.text(oneOf(words))
	if !ok {
		return "", false
	}
	if !slices.Contains(words, s) {
		v.wrong(oneOf(words) + suggestion(s, words))
		return "", false
	}
	return T(s), true
}
