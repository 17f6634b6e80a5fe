// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"slices"

	"github.com/bulkhead-net/bulkhead/policy"
)

// documentsFile holds the documents of the last set that was applied, for whoever has to go on
// without the policy directory. The rejected ones are among them: their subjects are closed, and
// nothing but their text says which those are.
const documentsFile = "documents.json"

// keptDocument is one document of the file.
type keptDocument struct {
	policy.Document
	Rejected bool `json:"rejected,omitempty"`
}

// readDocuments leaves what is known as it is when there is no file.
func (n *Node) readDocuments() error {
	var kept []keptDocument
	if err := n.readJSON(documentsFile, &kept); err != nil || kept == nil {
		return err
	}
	n.lastGood, n.lastRejected = []policy.Document{}, nil
	for _, d := range kept {
		if d.Rejected {
			n.lastRejected = append(n.lastRejected, d.Document)
		} else {
			n.lastGood = append(n.lastGood, d.Document)
		}
	}
	return nil
}

func (n *Node) writeDocuments() error {
	kept := []keptDocument{}
	for _, d := range n.set.Documents {
		kept = append(kept, keptDocument{Document: d})
	}
	for _, d := range n.set.Rejected {
		kept = append(kept, keptDocument{d, true})
	}
	if err := writeJSON(n.path(documentsFile), kept); err != nil {
		return fmt.Errorf("last good policies: %w", err)
	}
	n.lastGood, n.lastRejected = n.set.Documents, n.set.Rejected
	return nil
}

// lastFiles are the last documents as files, the rejected ones too: read again, they are rejected
// again, and what was closed in their place stays closed.
func (n *Node) lastFiles() []policy.File {
	var files []policy.File
	for _, d := range slices.Concat(n.lastGood, n.lastRejected) {
		files = append(files, policy.File{Name: d.File, Data: d.Raw})
	}
	return files
}

func sameDocuments(a, b []policy.Document) bool {
	return slices.EqualFunc(a, b, func(a, b policy.Document) bool {
		return a.Ref == b.Ref && a.File == b.File && a.Line == b.Line &&
			string(a.Raw) == string(b.Raw)
	})
}
