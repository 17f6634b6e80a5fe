// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"
	"time"
)

func TestParseDenials(t *testing.T) {
	got, err := Parse("f", []byte(`
denials:
  enabled: false
  interval: 2s
  directory: /srv/denials
  journalFileMiB: 1
  journalMiB: 2
  journalAge: 48h
  spoolMiB: 3
`))
	want := Denials{Interval: 2 * time.Second, Directory: "/srv/denials", JournalFileMiB: 1,
		JournalMiB: 2, JournalAge: 48 * time.Hour, SpoolMiB: 3}
	if err != nil || got.Denials != want || got.Agent != DefaultAgent() {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestParseRefusesDenials(t *testing.T) {
	for text, want := range map[string]string{
		"denials: {enable: true}":        `f:1:11: unknown key "enable"; did you mean "enabled"?`,
		"denials: {enabled: 1}":          `f:1:20: found "1", accepted true or false`,
		"denials: {directory: x}":        `f:1:22: found "x", accepted an absolute path`,
		"denials: {journalMiB: 0}":       `f:1:23: found 0, accepted 1 to 1048576 MiB`,
		"denials: {spoolMiB: 1048577}":   `f:1:21: found 1048577, accepted 1 to 1048576 MiB`,
		"denials: {spoolMiB: many}":      `f:1:21: found "many", accepted a number`,
		"denials: {journalAge: -1h}":     `f:1:23: found "-1h", accepted a duration from 0s`,
		"denials: {journalFileMiB: 300}": `f: denials: journalMiB: found 512, accepted twice`,
		"denials: {interval: 1m}":        `f:1:21: found "1m", accepted a duration from 1s to 20s`,
		"denials: off":                   `f:1:10: found "off", accepted a mapping`,
	} {
		if _, err := Parse("f", []byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}
