// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"fmt"
	"path/filepath"
)

// fields are the keys of the conf that mean something to this plugin.
var fields = map[string]func(*conf, *field){
	"name":            func(c *conf, f *field) { c.name = f.name() },
	"network":         func(c *conf, f *field) { c.network = f.name() },
	"policyDir":       func(c *conf, f *field) { c.settings.PolicyDir = f.directory() },
	"stateDir":        func(c *conf, f *field) { c.settings.StateDir = f.directory() },
	"labels":          func(c *conf, f *field) { c.labels = f.labels() },
	"ports":           func(c *conf, f *field) { c.ports = f.ports() },
	"args":            func(c *conf, f *field) { c.argsLabels = f.argsLabels() },
	"onUnenforceable": func(c *conf, f *field) { c.allow = f.word("fail", "allow") == "allow" },
	"portIsolation":   func(c *conf, f *field) { c.portIsolation = f.boolean() },
	"dryRun":          func(c *conf, f *field) { c.dryRun = f.boolean() },
	"agentSocket":     func(c *conf, f *field) { c.settings.AgentSocket = f.socket() },
	"onAgentDown":     func(c *conf, f *field) { c.onAgentDown = f.word("fail", quarantine) },
	"ipMasq":          func(_ *conf, f *field) { f.never("masquerading is of another plugin") },
	"prevResult":      func(c *conf, f *field) { c.prevResult = f.value },

	validAttachments: func(c *conf, f *field) { c.valid = f.attachments() },
}

// maxNetwork bounds names of networks: records and kernel comments carry them.
const maxNetwork = 253

func (f *field) name() string {
	s, ok := f.text()
	if ok && (len(s) > maxNetwork || !nameForm.MatchString(s)) {
		f.wrong(fmt.Sprintf("a letter or digit followed by letters, digits, '_', '.' and '-', "+
			"at most %d", maxNetwork))
	}
	return s
}

// directory refuses relative paths, since runtimes start plugins anywhere, and the root, which
// is never what was meant.
func (f *field) directory() string {
	s, ok := f.text()
	if ok && (!filepath.IsAbs(s) || filepath.Clean(s) == "/") {
		f.wrong("an absolute path of a directory")
	}
	return s
}

// maxSocket is what fits into an address of a unix socket, in bytes.
const maxSocket = 107

// socket refuses the empty path too: a conf that names no agent must not seem to have one.
func (f *field) socket() string {
	s, ok := f.text()
	if ok && (!filepath.IsAbs(s) || filepath.Clean(s) == "/" || len(s) > maxSocket) {
		f.wrong(fmt.Sprintf("an absolute path of a socket, at most %d bytes", maxSocket))
	}
	return s
}

// quarantine is the value of onAgentDown that lets containers start cut off.
const quarantine = "quarantine"

func (f *field) word(accepted ...string) string {
	s, ok := f.text()
	if !ok {
		return ""
	}
	for _, a := range accepted {
		if s == a {
			return s
		}
	}
	f.wrong(fmt.Sprintf("one of %q", accepted))
	return ""
}

func (f *field) unsupported(why string) { f.found.unsupported(f.key, f.value, why) }

// never refuses a switch that the specification defines and this plugin would ignore.
func (f *field) never(why string) {
	if f.boolean() {
		f.unsupported(why)
	}
}

// attachments reads what GC must keep. An entry that cannot be read makes the whole list
// unreadable: what is not on it gets deleted.
func (f *field) attachments() map[attachmentID]bool {
	valid := map[attachmentID]bool{}
	for _, item := range f.items() {
		var id attachmentID
		for _, m := range item.members() {
			switch inner := item.inner(item.key+"."+m.key, m.value); m.key {
			case "containerID":
				id.containerID, _ = inner.text()
			case "ifname":
				id.ifname, _ = inner.text()
			}
		}
		if id.containerID == "" || id.ifname == "" {
			item.wrong("containerID and ifname")
		}
		valid[id] = true
	}
	return valid
}
