// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// event is a line of go test -json, as "go doc test2json" and "go help buildjson" define it.
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
	Elapsed    float64
}

// readEvents feeds lines to sink until the stream ends. A line that is no event is a failure of
// the tool below us, and nothing it said before can be trusted to be all.
func readEvents(r io.Reader, sink func(event)) error {
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		if text := strings.TrimSpace(line); text != "" {
			var e event
			if err := json.Unmarshal([]byte(text), &e); err != nil || e.Action == "" {
				return fmt.Errorf("go test printed %q, which is no event", text)
			}
			sink(e)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("output of go test: %w", err)
		}
	}
}
