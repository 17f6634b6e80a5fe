// SPDX-License-Identifier: Apache-2.0

package policy

import "go.yaml.in/yaml/v4"

// parsed is a chunk and what the parser made of it.
type parsed struct {
	chunk
	key     cacheKey
	node    *yaml.Node
	problem *Problem
}

// parseWorkers is how many files are parsed at a time. A CNI plugin parses all of them while a
// container waits for its network, and the files have nothing to do with each other.
const parseWorkers = 4

// parseAll parses every document of every file that is not known, in the order of the files.
func parseAll(files []File, known map[cacheKey]*yaml.Node) [][]parsed {
	out := make([][]parsed, len(files))
	done := make(chan struct{})
	for worker := range parseWorkers {
		go func() {
			for i := worker; i < len(files); i += parseWorkers {
				out[i] = parseFile(files[i], known)
			}
			done <- struct{}{}
		}()
	}
	for range parseWorkers {
		<-done
	}
	return out
}

func parseFile(f File, known map[cacheKey]*yaml.Node) []parsed {
	var out []parsed
	for _, c := range split(f.Data) {
		p := parsed{chunk: c, key: keyOf(c)}
		if p.node = known[p.key]; p.node == nil {
			p.node, p.problem = parse(f.Name, c)
		}
		out = append(out, p)
	}
	return out
}
