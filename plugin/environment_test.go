// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"errors"
	"strings"
	"testing"
)

func TestEnvironment(t *testing.T) {
	good := map[string]string{"CNI_CONTAINERID": "a", "CNI_NETNS": "/run/netns/a",
		"CNI_IFNAME": "eth0", "CNI_PATH": "/bin"}
	with := func(changes ...string) map[string]string {
		env := map[string]string{}
		for k, v := range good {
			env[k] = v
		}
		for i := 0; i < len(changes); i += 2 {
			env[changes[i]] = changes[i+1]
		}
		return env
	}
	for _, tc := range []struct {
		command string
		env     map[string]string
		// bad are the variables that the error names; none means no error.
		bad []string
	}{
		{"ADD", good, nil},
		{"ADD", with("CNI_PATH", ""), nil},
		{"ADD", with("CNI_CONTAINERID", "A.b_c-9", "CNI_IFNAME", "eth0.4094@x"), nil},
		{"ADD", with("CNI_CONTAINERID", strings.Repeat("a", 256), "CNI_IFNAME", "exactly15bytes!"), nil},
		{"DEL", with("CNI_NETNS", ""), nil},
		{"DEL", with("CNI_NETNS", "gone"), nil},
		{"GC", map[string]string{"CNI_PATH": "/bin"}, nil},
		{"GC", with("CNI_CONTAINERID", "../x", "CNI_IFNAME", "a/b"), nil},
		{"STATUS", nil, nil},
		{"VERSION", nil, nil},

		{"", good, []string{"CNI_COMMAND"}},
		{"add", good, []string{"CNI_COMMAND"}},
		{"ADD DEL", good, []string{"CNI_COMMAND"}},
		{"ADD", nil, []string{"CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"}},
		{"CHECK", nil, []string{"CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"}},
		{"DEL", nil, []string{"CNI_CONTAINERID", "CNI_IFNAME"}},
		{"GC", nil, []string{"CNI_PATH"}},
		{"ADD", with("CNI_NETNS", "", "CNI_CONTAINERID", "../x", "CNI_IFNAME", "a/b"),
			[]string{"CNI_NETNS", "CNI_CONTAINERID", "CNI_IFNAME"}},
		{"DEL", with("CNI_CONTAINERID", "../x"), []string{"CNI_CONTAINERID"}},
		{"ADD", with("CNI_CONTAINERID", ".."), []string{"CNI_CONTAINERID"}},
		{"ADD", with("CNI_CONTAINERID", "-a"), []string{"CNI_CONTAINERID"}},
		{"ADD", with("CNI_CONTAINERID", "a b"), []string{"CNI_CONTAINERID"}},
		{"ADD", with("CNI_CONTAINERID", "a\n"), []string{"CNI_CONTAINERID"}},
		{"ADD", with("CNI_CONTAINERID", strings.Repeat("a", 257)), []string{"CNI_CONTAINERID"}},
		{"ADD", with("CNI_NETNS", "run/netns/x"), []string{"CNI_NETNS"}},
		{"ADD", with("CNI_IFNAME", "."), []string{"CNI_IFNAME"}},
		{"ADD", with("CNI_IFNAME", ".."), []string{"CNI_IFNAME"}},
		{"ADD", with("CNI_IFNAME", "a:b"), []string{"CNI_IFNAME"}},
		{"ADD", with("CNI_IFNAME", "a b"), []string{"CNI_IFNAME"}},
		{"ADD", with("CNI_IFNAME", "a\tb"), []string{"CNI_IFNAME"}},
		{"ADD", with("CNI_IFNAME", "aé"), []string{"CNI_IFNAME"}},
		{"ADD", with("CNI_IFNAME", "sixteen-bytes-16"), []string{"CNI_IFNAME"}},
	} {
		_, err := readEnvironment(func(key string) string {
			if key == "CNI_COMMAND" {
				return tc.command
			}
			return tc.env[key]
		})
		var known *Error
		if len(tc.bad) == 0 {
			if err != nil {
				t.Errorf("%s %v: got %v, want nil", tc.command, tc.env, err)
			}
			continue
		}
		if !errors.As(err, &known) || known.Code != InvalidEnvironment {
			t.Errorf("%s %v: got %v, want code %d", tc.command, tc.env, err, InvalidEnvironment)
			continue
		}
		if got := strings.Count(err.Error(), "CNI_"); got != len(tc.bad) {
			t.Errorf("%s %v: got %d variables named, want %d: %v", tc.command, tc.env, got,
				len(tc.bad), err)
		}
		for _, name := range tc.bad {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("%s %v: got %v, want %s named", tc.command, tc.env, err, name)
			}
		}
	}
}
