// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/policy"
)

// defaultNamespace is that of containers that nobody gave one.
const defaultNamespace = "default"

// identify makes the policy endpoint of a call: everything but its addresses.
func identify(e environment, c *conf) (policy.Endpoint, error) {
	a, err := parseArgs(e.args)
	if err != nil {
		return policy.Endpoint{}, fail(InvalidEnvironment, "CNI_ARGS: %w", err)
	}
	p := policy.Endpoint{
		ID:        endpoint.ID(e.containerID, e.ifname),
		Interface: e.ifname,
		Network:   c.network,
	}
	if p.Namespace, p.Name, err = a.who(e.containerID); err != nil {
		return policy.Endpoint{}, fail(InvalidEnvironment, "CNI_ARGS: %w", err)
	}
	fromArgs, err := parseLabels(a.labels)
	if err != nil {
		return policy.Endpoint{}, fail(InvalidEnvironment, "CNI_ARGS: BULKHEAD_LABELS: %w", err)
	}
	p.Labels, p.Ports, err = merge(c.ports,
		source{"labels", c.labels}, source{"args.cni.labels", c.argsLabels},
		source{"BULKHEAD_LABELS", fromArgs})
	return p, err
}

// who settles namespace and name. What Kubernetes says cannot be restated otherwise: one of the
// two would be forged.
func (a runtimeArgs) who(containerID string) (namespace, name string, err error) {
	namespace, err = agreed("K8S_POD_NAMESPACE", a.podNamespace, "BULKHEAD_NAMESPACE", a.namespace)
	if err != nil {
		return "", "", err
	}
	if name, err = agreed("K8S_POD_NAME", a.podName, "BULKHEAD_NAME", a.name); err != nil {
		return "", "", err
	}
	if namespace == "" {
		namespace = defaultNamespace
	}
	if name == "" {
		name = containerID
	}
	if f := validation.IsDNS1123Label(namespace); len(f) > 0 {
		return "", "", fmt.Errorf("namespace %.*q: %s", maxShown, namespace, brief(f[0]))
	}
	if len(name) > maxID || !nameForm.MatchString(name) {
		return "", "", fmt.Errorf("name %.*q: not a letter or digit followed by letters, digits, "+
			"'_', '.' and '-', at most %d", maxShown, name, maxID)
	}
	return namespace, name, nil
}

func agreed(key, value, ownKey, own string) (string, error) {
	switch {
	case value == "":
		return own, nil
	case own == "" || own == value:
		return value, nil
	}
	return "", fmt.Errorf("%s is %.*q and %s is %.*q", key, maxShown, value, ownKey, maxShown, own)
}

// source is labels with the name of where they were stated.
type source struct {
	name   string
	labels map[string]string
}

// merge joins labels. Sources may repeat each other and never override: a conf's "zone: guest"
// must hold whatever the owner of a container wants to be.
func merge(ports []policy.NamedPort, sources ...source) (
	map[string]string, []policy.NamedPort, error) {
	labels := map[string]string{}
	from := map[string]string{}
	for _, s := range sources {
		for key, value := range s.labels {
			if key == portsLabel {
				continue
			}
			if old, there := labels[key]; there && old != value {
				return nil, nil, fail(InvalidConf, "label %s: %s says %q and %s says %q",
					key, from[key], old, s.name, value)
			}
			labels[key], from[key] = value, s.name
		}
		more, err := s.ports(ports)
		if err != nil {
			return nil, nil, fail(InvalidConf, "%s: label %s: %w", s.name, portsLabel, err)
		}
		ports = more
	}
	if len(labels) > maxLabels {
		return nil, nil, fail(InvalidConf, "%d labels, accepted %d", len(labels), maxLabels)
	}
	return labels, ports, nil
}

// ports adds the ports that a source's label names.
func (s source) ports(ports []policy.NamedPort) ([]policy.NamedPort, error) {
	text, there := s.labels[portsLabel]
	if !there {
		return ports, nil
	}
	named, err := parsePorts(text)
	for _, p := range named {
		if err == nil {
			ports, err = addPort(ports, p)
		}
	}
	return ports, err
}
