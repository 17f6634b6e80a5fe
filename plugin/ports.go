// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/bulkhead-net/bulkhead/policy"
)

// maxPorts bounds the named ports of one container.
const maxPorts = 256

var protocols = map[string]uint8{
	"TCP": policy.ProtocolTCP, "UDP": policy.ProtocolUDP, "SCTP": policy.ProtocolSCTP,
}

// parseProtocol reads a protocol in either case; the empty word is TCP, as in Kubernetes.
func parseProtocol(s string) (uint8, error) {
	if s == "" {
		return policy.ProtocolTCP, nil
	}
	p, ok := protocols[strings.ToUpper(s)]
	if !ok {
		return 0, fmt.Errorf("protocol %q: accepted TCP, UDP or SCTP", s)
	}
	return p, nil
}

func checkPort(p policy.NamedPort) error {
	if f := validation.IsValidPortName(p.Name); len(f) > 0 {
		return fmt.Errorf("port name %.*q: %s", maxShown, p.Name, brief(f[0]))
	}
	if p.Port == 0 {
		return fmt.Errorf("port %s: accepted a number from 1 to 65535", p.Name)
	}
	return nil
}

// parsePorts reads the ports label: "http=8080/tcp", several between commas or spaces. A colon
// serves as well as the equals sign, which cannot be part of a value in CNI_ARGS.
func parsePorts(s string) ([]policy.NamedPort, error) {
	var ports []policy.NamedPort
	for _, entry := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		p, err := parsePort(entry)
		if err != nil {
			return nil, fmt.Errorf("%.*q: %w", maxShown, entry, err)
		}
		if ports, err = addPort(ports, p); err != nil {
			return nil, err
		}
	}
	if len(ports) == 0 {
		return nil, errors.New("no port, accepted NAME=PORT/PROTOCOL")
	}
	return ports, nil
}

func parsePort(entry string) (policy.NamedPort, error) {
	at := strings.IndexAny(entry, "=:")
	if at < 0 {
		return policy.NamedPort{}, errors.New("accepted NAME=PORT/PROTOCOL")
	}
	number, word, _ := strings.Cut(entry[at+1:], "/")
	port, err := strconv.ParseUint(number, 10, 16)
	if err != nil || strings.HasPrefix(number, "+") {
		return policy.NamedPort{}, errors.New("port: accepted a number from 1 to 65535")
	}
	protocol, err := parseProtocol(word)
	if err != nil {
		return policy.NamedPort{}, err
	}
	p := policy.NamedPort{Name: entry[:at], Protocol: protocol, Port: uint16(port)}
	return p, checkPort(p)
}

// addPort refuses a name with two meanings: policies resolve it to one port of a protocol.
func addPort(ports []policy.NamedPort, p policy.NamedPort) ([]policy.NamedPort, error) {
	for _, q := range ports {
		switch {
		case q == p:
			return ports, nil
		case q.Name == p.Name && q.Protocol == p.Protocol:
			return nil, fmt.Errorf("port %s is both %d and %d", p.Name, q.Port, p.Port)
		}
	}
	if len(ports) == maxPorts {
		return nil, fmt.Errorf("more than %d named ports", maxPorts)
	}
	return append(ports, p), nil
}

// ports reads the list of named ports in the conf.
func (f *field) ports() []policy.NamedPort {
	var ports []policy.NamedPort
	for _, item := range f.items() {
		p, ok := item.port()
		if !ok {
			continue
		}
		err := checkPort(p)
		if err == nil {
			var more []policy.NamedPort
			if more, err = addPort(ports, p); err == nil {
				ports = more
			}
		}
		if err != nil {
			f.found.add(InvalidConf, "%s: %w", item.key, err)
		}
	}
	return ports
}

func (f *field) port() (policy.NamedPort, bool) {
	before := len(f.found.list)
	p := policy.NamedPort{Protocol: policy.ProtocolTCP}
	for _, m := range f.members() {
		inner := f.inner(f.key+"."+m.key, m.value)
		switch m.key {
		case "name":
			p.Name, _ = inner.text()
		case "protocol":
			word, _ := inner.text()
			var err error
			if p.Protocol, err = parseProtocol(word); err != nil {
				inner.wrong("TCP, UDP or SCTP")
			}
		case "port":
			if err := json.Unmarshal(inner.value, &p.Port); err != nil {
				inner.wrong("a number from 1 to 65535")
			}
		default:
			inner.unsupported("accepted name, port, protocol")
		}
	}
	return p, len(f.found.list) == before
}
