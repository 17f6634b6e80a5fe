// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// grew is what Observe makes of "port=packets" elements, as "port+packets" or "port gone".
func grew(x *Elements, elements string) string {
	var list []Element
	for _, f := range strings.Fields(elements) {
		var e Element
		e.Flow = element(apiAddr, 0)
		if _, err := fmt.Sscanf(f, "%d=%d", &e.Flow.Port, &e.Packets); err != nil {
			panic(err)
		}
		e.Bytes = 60 * e.Packets
		list = append(list, e)
	}
	var out []string
	for _, d := range x.Observe(list) {
		text := fmt.Sprintf("%d+%d", d.Flow.Port, d.Packets)
		if d.Gone {
			text = fmt.Sprintf("%d gone", d.Flow.Port)
		}
		if d.Bytes != 60*d.Packets {
			text += " with wrong bytes"
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestElementsGrow(t *testing.T) {
	x := NewElements(nil)
	for i, step := range []struct{ elements, want string }{
		{"80=5 81=1", "80+5 81+1"},
		{"80=5 81=4", "81+3"},
		{"81=4", "80 gone"},
		{"80=2 81=4", "80+2"},
		{"80=1 81=9", "80+1 81+5"}, // it was away in between
		{"", "80 gone 81 gone"},
		{"80=0", ""},
	} {
		if got := grew(x, step.elements); got != step.want {
			t.Errorf("step %d: got %q, want %q", i, got, step.want)
		}
	}
}

func TestElementsGoOnAfterARestart(t *testing.T) {
	x := NewElements(nil)
	grew(x, "80=5 81=1")
	text, err := json.Marshal(x.State())
	if err != nil {
		t.Fatal(err)
	}
	var state []Element
	if err := json.Unmarshal(text, &state); err != nil {
		t.Fatal(err)
	}
	if got := grew(NewElements(state), "80=7"); got != "80+2 81 gone" {
		t.Errorf("got %q, want what has grown since", got)
	}
}
