// SPDX-License-Identifier: Apache-2.0

package policy

import "go.yaml.in/yaml/v4"

// parsed is a chunk and what the parser made of it.
type parsed struct {
	chunk
	node    *yaml.Node
	problem *Problem
}

// parseWorkers is how many files are parsed at a time. A CNI plugin parses all of them while a
// container waits for its network, and the files have nothing to do with each other.
const parseWorkers = 4

// parseAll parses every document of every file, in the order of the files.
func parseAll(files []File) [][]parsed {
	out := make([][]parsed, len(files))
	done := make(chan struct{})
	for worker := range parseWorkers {
		go func() {
			for i := worker; i < len(files); i += parseWorkers {
				out[i] = parseFile(files[i])
			}
			done <- struct{}{}
		}()
	}
	for range parseWorkers {
		<-done
	}
	return out
}

func parseFile(f File) []parsed {
	var out []parsed
	for _, c := range split(f.Data) {
		node, problem := parse(f.Name, c)
		out = append(out, parsed{chunk: c, node: node, problem: problem})
	}
	return out
}
