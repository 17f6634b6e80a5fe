// SPDX-License-Identifier: Apache-2.0

package ruleset

// String is nft's word for the family.
func (f Family) String() string { return pick(familyWords[:], int(f)) }

// String is nft's word for the hook.
func (h Hook) String() string { return pick(hookWords[:], int(h)) }

// String is nft's name of the type.
func (t Type) String() string {
	if int(t) < len(types) {
		return types[t].name
	}
	return "unknown"
}

// String is nft's name of the field, as it stands in the family ip.
func (f Field) String() string { return f.text(IP) }

// String is nft's word for the state.
func (s State) String() string { return pick(stateWords[:], int(s)) }

var (
	familyWords  = [...]string{"ip", "ip6", "bridge"}
	hookWords    = [...]string{"prerouting", "input", "forward", "output", "postrouting"}
	stateWords   = [...]string{"new", "established", "related", "invalid", "untracked"}
	verdictWords = [...]string{"continue", "accept", "drop", "jump", "goto", "return"}
)

func pick(words []string, i int) string {
	if i < len(words) {
		return words[i]
	}
	return "unknown"
}
