// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// The bounds of one document. A policy file may come from somebody who wants the loader to
// run out of memory: aliases multiply, nesting recurses.
const (
	maxDocumentBytes = 4 << 20
	maxDepth         = 32
	maxNodes         = 400_000
	maxProblems      = 100
)

// parse reads one document into a node tree with the line numbers of its file. At most one
// Problem is returned, and then no node; neither is returned for an empty document.
func parse(file string, c chunk) (*yaml.Node, *Problem) {
	fail := func(line, column int, format string, args ...any) *Problem {
		at := Position{File: file, Line: line + c.line - 1, Column: column}
		return &Problem{Position: at, Severity: SeverityError, Message: fmt.Sprintf(format, args...)}
	}
	if len(c.data) > maxDocumentBytes {
		return nil, fail(1, 1, "found a document of %d bytes, accepted at most %d",
			len(c.data), maxDocumentBytes)
	}
	if line, column, what := badText(c.data); what != "" {
		return nil, fail(line, column, "found %s, accepted printable UTF-8 text", what)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(c.data))
	var root, extra yaml.Node
	if err := decoder.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		line, column, message := syntaxError(err)
		return nil, fail(line, column, "not valid YAML: %s", message)
	}
	// A lone carriage return ends a line for YAML but not for split: whatever the parser sees
	// behind the document must not vanish silently.
	if err := decoder.Decode(&extra); !errors.Is(err, io.EOF) {
		return nil, fail(1, 1, "found more behind the end of the document, "+
			`accepted documents separated by "---" on a line of its own`)
	}
	if len(root.Content) != 1 {
		return nil, nil
	}
	node := root.Content[0]
	if at, what := measure(node, 0, new(int)); what != "" {
		return nil, fail(at.Line, at.Column, "%s", what)
	}
	shift(node, c.line-1)
	return node, nil
}

// syntaxError returns the place of a parse error inside its document.
func syntaxError(err error) (line, column int, message string) {
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		return 1, 1, printable(err.Error())
	}
	line, column, message = load.Mark.Line, load.Mark.Column, load.Message
	if load.ContextMsg != "" {
		message = load.ContextMsg + ": " + message
	}
	return max(line, 1), max(column, 1), printable(message)
}

// badText finds the first byte that is not UTF-8 and the first control character. The parser
// would take UTF-16 by its byte order mark and then disagree with split about the lines.
func badText(data []byte) (line, column int, what string) {
	line, column = 1, 1
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return line, column, fmt.Sprintf("the byte 0x%02x", data[i])
		case r < ' ' && r != '\n' && r != '\r' && r != '\t', r >= 0x7f && r < 0xa0 && r != 0x85:
			return line, column, fmt.Sprintf("the control character U+%04X", r)
		}
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
		i += size
	}
	return 0, 0, ""
}

// measure walks the tree as the decoder will, aliases followed, and stops at the first bound
// that is broken. An alias inside its own anchor ends here as well: it never stops nesting.
func measure(n *yaml.Node, depth int, count *int) (*yaml.Node, string) {
	*count++
	if depth > maxDepth {
		return n, fmt.Sprintf("found more than %d levels of nesting", maxDepth)
	}
	if *count > maxNodes {
		return n, fmt.Sprintf("found more than %d values, aliases counted where they are used",
			maxNodes)
	}
	if n.Kind == yaml.AliasNode {
		if _, what := measure(n.Alias, depth+1, count); what != "" {
			return n, what
		}
		return nil, ""
	}
	for _, child := range n.Content {
		if at, what := measure(child, depth+1, count); what != "" {
			return at, what
		}
	}
	return nil, ""
}

func shift(n *yaml.Node, lines int) {
	n.Line += lines
	for _, child := range n.Content {
		shift(child, lines)
	}
}
