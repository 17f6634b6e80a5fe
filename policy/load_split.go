// SPDX-License-Identifier: Apache-2.0

package policy

import "bytes"

// chunk is the text of one YAML document and the line of its file at which it begins.
type chunk struct {
	line int
	data []byte
}

// split cuts a file into its documents before anything is parsed, so that a syntax error in
// one document cannot take the following ones down. YAML forbids "---" and "..." at the start
// of a line inside every scalar, so cutting there is exact.
func split(data []byte) []chunk {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	var chunks []chunk
	start, startLine := 0, 1
	flush := func(end int) {
		if hasContent(data[start:end]) {
			chunks = append(chunks, chunk{line: startLine, data: data[start:end]})
		}
	}
	for at, line := 0, 1; at < len(data); line++ {
		end := len(data)
		if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		switch text := data[at:end]; {
		case isMarker(text, "---"):
			flush(at)
			start, startLine = at, line
		case isMarker(text, "..."):
			flush(at)
			start, startLine = end, line+1
		}
		at = end
	}
	flush(len(data))
	return chunks
}

func isMarker(line []byte, marker string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(marker))
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}

// hasContent reports whether a chunk holds more than blank lines, comments, directives and the
// document marker.
func hasContent(data []byte) bool {
	for line := range bytes.Lines(data) {
		if isMarker(line, "---") {
			line = line[3:]
		}
		text := bytes.TrimSpace(line)
		if len(text) > 0 && text[0] != '#' && line[0] != '%' {
			return true
		}
	}
	return false
}
