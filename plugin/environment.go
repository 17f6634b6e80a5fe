// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// environment is the CNI_ variables of a call.
type environment struct {
	command     string
	containerID string
	netns       string
	ifname      string
	args        string
	path        string
}

// variable says where a CNI_ variable goes, which verbs cannot do without it, and what it must
// look like for them.
type variable struct {
	name     string
	value    *string
	required string
	check    func(string) error
}

func (e *environment) variables() []variable {
	return []variable{
		{"CNI_COMMAND", &e.command, "", checkCommand},
		{"CNI_CONTAINERID", &e.containerID, "ADD CHECK DEL", checkContainerID},
		{"CNI_NETNS", &e.netns, "ADD CHECK", checkNetNS},
		{"CNI_IFNAME", &e.ifname, "ADD CHECK DEL", checkInterface},
		{"CNI_ARGS", &e.args, "", nil},
		{"CNI_PATH", &e.path, "GC", nil},
	}
}

// readEnvironment reads the variables and names every one that is missing or malformed. A verb
// is not hindered by variables that it does not need: runtimes pass on what they have.
func readEnvironment(getenv func(string) string) (environment, error) {
	var e environment
	var missing, bad []string
	for _, v := range e.variables() {
		*v.value = getenv(v.name)
		required := v.value == &e.command || contains(v.required, e.command)
		switch {
		case !required:
		case *v.value == "":
			missing = append(missing, v.name)
		case v.check != nil:
			if err := v.check(*v.value); err != nil {
				bad = append(bad, fmt.Sprintf("%s %q: %v", v.name, *v.value, err))
			}
		}
	}
	if len(missing) > 0 {
		bad = append([]string{"required variables missing: " + strings.Join(missing, ", ")}, bad...)
	}
	if len(bad) > 0 {
		return e, fail(InvalidEnvironment, "environment: %s", strings.Join(bad, "; "))
	}
	return e, nil
}

func contains(words, word string) bool {
	for w := range strings.FieldsSeq(words) {
		if w == word {
			return true
		}
	}
	return false
}

func checkCommand(s string) error {
	if !contains("ADD CHECK DEL GC STATUS VERSION", s) {
		return fmt.Errorf("not ADD, CHECK, DEL, GC, STATUS or VERSION")
	}
	return nil
}

// maxID is what the registry of endpoints takes; runtimes use 64.
const maxID = 256

var nameForm = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.\-]*$`)

func checkContainerID(s string) error {
	if len(s) > maxID {
		return fmt.Errorf("longer than %d bytes", maxID)
	}
	if !nameForm.MatchString(s) {
		return fmt.Errorf("not a letter or digit followed by letters, digits, '_', '.' and '-'")
	}
	return nil
}

func checkNetNS(s string) error {
	if !filepath.IsAbs(s) {
		return fmt.Errorf("not an absolute path")
	}
	return nil
}

// maxInterface is IFNAMSIZ without the final zero byte.
const maxInterface = 15

// checkInterface follows the kernel's dev_valid_name, and keeps to ASCII: rules and records
// carry the name.
func checkInterface(s string) error {
	if len(s) > maxInterface {
		return fmt.Errorf("longer than %d bytes", maxInterface)
	}
	if s == "." || s == ".." {
		return fmt.Errorf("not an interface name")
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c == '/' || c == ':' || c >= 0x7f {
			return fmt.Errorf("an interface name has no %q", rune(c))
		}
	}
	return nil
}
