// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// member is one key of a JSON object with the text of its value.
type member struct {
	key   string
	value json.RawMessage
}

// parseObject returns the members of a JSON object in their order. Keys are case sensitive and
// unique, unlike in encoding/json: two readers of one text must not believe different values.
func parseObject(text []byte) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	start, err := d.Token()
	if err != nil {
		return nil, unfinished(err)
	}
	if start != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	var members []member
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, unfinished(err)
		}
		m := member{key: token.(string)} // the decoder accepts nothing else before a colon
		if err := d.Decode(&m.value); err != nil {
			return nil, unfinished(err)
		}
		if seen[m.key] {
			return nil, fmt.Errorf("key %q is stated twice", m.key)
		}
		seen[m.key] = true
		members = append(members, m)
	}
	if _, err := d.Token(); err != nil {
		return nil, unfinished(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("text after the JSON object")
	}
	return members, nil
}

func unfinished(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// isNull reports whether a value is JSON's null, which means that the key is not stated.
func isNull(v json.RawMessage) bool { return string(v) == "null" }

// maxShown bounds how much of a foreign value goes into a message.
const maxShown = 100

// show returns a value in the form of a message: on one line, and not without end.
func show(v json.RawMessage) string {
	var compact bytes.Buffer
	if err := json.Compact(&compact, v); err != nil {
		return "(not JSON)"
	}
	if s := compact.String(); len(s) <= maxShown {
		return s
	}
	return compact.String()[:maxShown] + "..."
}
