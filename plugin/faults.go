// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"encoding/json"
	"fmt"
	"strings"
)

// faults collects everything that is wrong with a conf, so that it is repaired once.
type faults struct {
	list []*Error
}

func (f *faults) add(code Code, format string, args ...any) {
	f.list = append(f.list, fail(code, format, args...))
}

// unsupported is the error that names key and value, as the specification asks.
func (f *faults) unsupported(key string, value json.RawMessage, accepted string) {
	f.add(UnsupportedField, "unsupported field %s: %s (%s)", key, show(value), accepted)
}

// maxFaults bounds the message of a conf that is wrong throughout.
const maxFaults = 20

// err returns nil or one Error with all messages. An error of one field has one code: an
// unsupported field tells more than an invalid one.
func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	code := f.list[0].Code
	var texts []string
	for i, e := range f.list {
		if e.Code == UnsupportedField {
			code = UnsupportedField
		}
		if i < maxFaults {
			texts = append(texts, e.Msg)
		}
	}
	if more := len(f.list) - maxFaults; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return &Error{Code: code, Msg: "network configuration: " + strings.Join(texts, "; ")}
}

// field is one key of the conf while it is read.
type field struct {
	found *faults
	key   string
	value json.RawMessage
}

// wrong reports that the value is not what is accepted.
func (f *field) wrong(accepted string) {
	f.found.add(InvalidConf, "%s: found %s, accepted %s", f.key, show(f.value), accepted)
}

func (f *field) text() (string, bool) {
	var s string
	if err := json.Unmarshal(f.value, &s); err != nil {
		f.wrong("a string")
		return "", false
	}
	return s, true
}

func (f *field) boolean() bool {
	var b bool
	if err := json.Unmarshal(f.value, &b); err != nil {
		f.wrong("true or false")
	}
	return b
}

// members returns the members of an object.
func (f *field) members() []member {
	members, err := parseObject(f.value)
	if err != nil {
		f.wrong("an object: " + err.Error())
	}
	return members
}

// items returns the items of a list as fields of their own, named KEY[0] and so on.
func (f *field) items() []*field {
	var values []json.RawMessage
	if err := json.Unmarshal(f.value, &values); err != nil {
		f.wrong("a list")
	}
	items := make([]*field, len(values))
	for i, v := range values {
		items[i] = f.inner(fmt.Sprintf("%s[%d]", f.key, i), v)
	}
	return items
}

// inner is a part of the field with a path of its own.
func (f *field) inner(path string, v json.RawMessage) *field {
	return &field{found: f.found, key: path, value: v}
}
