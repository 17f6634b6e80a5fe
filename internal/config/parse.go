// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"go.yaml.in/yaml/v4"

	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/compile"
)

// Config is what the file says, on top of the defaults.
type Config struct {
	// Base is what is closed before any container exists, and the marks that are ours.
	Base compile.Config
	// HasBase says that the file has a section "base".
	HasBase bool
	Agent   Agent
	Denials Denials
}

// Parse reads a configuration file on top of the defaults. It is strict, because a misspelt key
// would leave open what its author thinks closed. The error names every fault with file, line and
// column.
func Parse(name string, data []byte) (Config, error) {
	p := &parser{file: name, config: Config{Base: compile.DefaultConfig(), Agent: DefaultAgent(),
		Denials: DefaultDenials()}}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return p.config, nil // nothing but comments
	case err != nil:
		return p.config, fmt.Errorf("%s: %w", name, err)
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		p.fault(&second, "a second document; accepted is one")
	}
	if len(document.Content) == 0 {
		return p.config, nil
	}
	p.mapping(document.Content[0], map[string]func(*yaml.Node){
		"base":    func(n *yaml.Node) { p.config.HasBase = true; p.mapping(n, p.baseKeys()) },
		"agent":   func(n *yaml.Node) { p.mapping(n, p.agentKeys()) },
		"denials": func(n *yaml.Node) { p.mapping(n, p.denialsKeys()) },
	})
	if len(p.faults) == 0 {
		if err := p.config.Base.Validate(); err != nil {
			p.faults = append(p.faults, fmt.Errorf("%s: base: %w", name, err))
		}
		if err := p.config.Denials.validate(); err != nil {
			p.faults = append(p.faults, fmt.Errorf("%s: denials: %w", name, err))
		}
	}
	return p.config, errors.Join(p.faults...)
}

// parser collects values and faults.
type parser struct {
	file   string
	config Config
	faults []error
}

func (p *parser) fault(n *yaml.Node, format string, values ...any) {
	p.faults = append(p.faults, fmt.Errorf("%s:%d:%d: %s", p.file, n.Line, n.Column,
		fmt.Sprintf(format, values...)))
}

func (p *parser) baseKeys() map[string]func(*yaml.Node) {
	base := &p.config.Base
	m := &base.Managed
	return map[string]func(*yaml.Node){
		"interfaces":         p.list(func(s string) error { return AddInterface(m, s) }),
		"prefixes":           p.list(func(s string) error { return AddPrefix(m, s) }),
		"kinds":              p.list(func(s string) error { return AddKind(m, s) }),
		"subnets":            p.list(func(s string) error { return AddSubnet(m, s) }),
		"epochMask":          p.number(32, func(v uint64) { base.EpochMask = uint32(v) }),
		"passedMark":         p.number(32, func(v uint64) { base.PassedMark = uint32(v) }),
		"logGroup":           p.number(16, func(v uint64) { base.LogGroup = uint16(v) }),
		"allowEncapsulation": p.boolean(&base.AllowEncapsulation),
	}
}

// mapping reads a mapping whose keys are all known, each stated once.
func (p *parser) mapping(n *yaml.Node, keys map[string]func(*yaml.Node)) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return
	}
	if n.Kind != yaml.MappingNode {
		p.fault(n, "found %s, accepted a mapping", kindOf(n))
		return
	}
	var known []string
	for key := range keys {
		known = append(known, key)
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, ok := keys[key.Value]
		switch line := seen[key.Value]; {
		case !ok:
			p.fault(key, "unknown key %q%s", key.Value, cli.DidYouMean(key.Value, known))
		case line > 0:
			p.fault(key, "key %q is stated in line %d already", key.Value, line)
		default:
			seen[key.Value] = key.Line
			read(value)
		}
	}
}

// list reads a list of texts.
func (p *parser) list(add func(string) error) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.SequenceNode {
			p.fault(n, "found %s, accepted a list", kindOf(n))
			return
		}
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode || item.ShortTag() == "!!null" {
				p.fault(item, "found %s, accepted a text", kindOf(item))
				continue
			}
			if err := add(item.Value); err != nil {
				p.fault(item, "%v", err)
			}
		}
	}
}

// number reads an unsigned number, decimal or hexadecimal.
func (p *parser) number(bits int, set func(uint64)) func(*yaml.Node) {
	return func(n *yaml.Node) {
		v, err := strconv.ParseUint(n.Value, 0, bits)
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil {
			p.fault(n, "found %s, accepted a number of %d bits", kindOf(n), bits)
			return
		}
		set(v)
	}
}

func (p *parser) boolean(into *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
			p.fault(n, "found %s, accepted true or false", kindOf(n))
			return
		}
		*into = n.Value == "true" || n.Value == "True" || n.Value == "TRUE"
	}
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	return strconv.Quote(n.Value)
}
