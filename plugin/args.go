// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"fmt"
	"strings"
)

// runtimeArgs is what CNI_ARGS says about a container: KEY=VALUE pairs between semicolons.
type runtimeArgs struct {
	podNamespace, podName string
	namespace, name       string
	labels                string
}

// maxArgs bounds CNI_ARGS.
const maxArgs = 64 << 10

// ownArgs begins the keys that are this plugin's alone.
const ownArgs = "BULKHEAD_"

// parseArgs reads CNI_ARGS. Unknown keys are an error unless IgnoreUnknown says otherwise, as in
// the reference library; an unknown key of our own is an error even then, since a label that is
// misspelt must not silently be a label that is missing.
func parseArgs(s string) (runtimeArgs, error) {
	var a runtimeArgs
	if s == "" {
		return a, nil
	}
	if len(s) > maxArgs {
		return a, fmt.Errorf("longer than %d bytes", maxArgs)
	}
	var ignored string // identities that only runtimes use
	known := map[string]*string{
		"K8S_POD_NAMESPACE": &a.podNamespace, "K8S_POD_NAME": &a.podName,
		"K8S_POD_UID": &ignored, "K8S_POD_INFRA_CONTAINER_ID": &ignored,
		"BULKHEAD_NAMESPACE": &a.namespace, "BULKHEAD_NAME": &a.name,
		"BULKHEAD_LABELS": &a.labels, "IgnoreUnknown": new(string),
	}
	var unknown []string
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(s, ";") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return a, fmt.Errorf("%q is not KEY=VALUE", pair)
		}
		target := known[key]
		switch {
		case target == nil && strings.HasPrefix(key, ownArgs):
			return a, fmt.Errorf("unknown key %s, accepted BULKHEAD_LABELS, BULKHEAD_NAMESPACE "+
				"and BULKHEAD_NAME", key)
		case target == nil:
			unknown = append(unknown, key)
			continue
		case seen[key]:
			return a, fmt.Errorf("key %s is stated twice", key)
		}
		seen[key] = true
		*target = value
	}
	ignore, err := ignoreUnknown(*known["IgnoreUnknown"])
	if err == nil && !ignore && len(unknown) > 0 {
		err = fmt.Errorf("unknown keys %s, accepted with IgnoreUnknown=1",
			strings.Join(unknown, ", "))
	}
	return a, err
}

func ignoreUnknown(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "1", "true":
		return true, nil
	case "", "0", "false":
		return false, nil
	}
	return false, fmt.Errorf("IgnoreUnknown: found %q, accepted 1 or 0", s)
}
