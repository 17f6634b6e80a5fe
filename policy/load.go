// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"
)

// loader turns files into a Set.
type loader struct {
	set       *Set
	documents []*document
	lastGood  []Document
	goodByRef map[Ref]Document
	// taken is where each name was first used in these files.
	taken map[Ref]Position
	// unreadable are the files with a document whose name is not known. What such a document
	// was to replace cannot be told, so nothing of its file counts as deleted.
	unreadable map[string]bool
	segments   segmentIndex
}

// Load reads every document of the files. A document with an error is rejected whole and never
// takes another down. In its place stands, in this order: the version of the same name in
// lastGood; else a policy that denies whatever its subjects do; else nothing, when not even its
// subjects can be read. Problems say which. A document of lastGood that no file holds any more
// was deleted and stays so.
//
// A caller keeps Set.Documents and passes it as lastGood the next time.
func Load(files []File, lastGood []Document) *Set {
	return new(Cache).Load(files, lastGood)
}

func loadParsed(files []File, parsed [][]parsed, lastGood []Document) *Set {
	l := newLoader(lastGood)
	for _, good := range lastGood {
		l.goodByRef[good.Ref] = good
	}
	for i, list := range parsed {
		if why := files[i].Unreadable; why != "" {
			l.unreadable[files[i].Name] = true
			l.set.Problems = append(l.set.Problems, Problem{Position: Position{File: files[i].Name,
				Line: 1, Column: 1}, Severity: SeverityError, Message: why})
		}
		l.readFile(files[i].Name, list)
	}
	// Policies refer to Segments, so those come first.
	for _, foundation := range []bool{true, false} {
		l.decide(foundation)
		l.keepOrphans(foundation)
	}
	return l.finish()
}

func newLoader(lastGood []Document) *loader {
	return &loader{
		set: &Set{
			Segments:   map[string]*Segment{},
			Namespaces: map[string]map[string]string{},
		},
		lastGood:   lastGood,
		goodByRef:  map[Ref]Document{},
		taken:      map[Ref]Position{},
		unreadable: map[string]bool{},
		segments:   segmentIndex{},
	}
}

func (l *loader) readFile(name string, list []parsed) {
	for _, p := range list {
		if p.problem != nil {
			l.unreadable[name] = true
			l.set.Problems = append(l.set.Problems, *p.problem)
		}
		if p.node == nil {
			continue
		}
		d := &document{file: name, line: p.line, raw: p.data, node: p.node, segments: l.segments}
		l.add(d)
	}
}

// add registers a document, or each item of a List.
func (l *loader) add(d *document) {
	items, isList := d.identify()
	switch {
	case isList:
		for _, item := range items {
			l.add(item)
		}
		if d.errors > 0 {
			l.unreadable[d.file] = true
		}
		l.report(d)
	case d.kind == nil:
		l.unreadable[d.file] = true
		l.report(d)
	case !d.ref.isNamed():
		l.unreadable[d.file] = true
		l.documents = append(l.documents, d)
	default:
		l.claim(d)
	}
}

// claim gives a name to the first document that bears it.
func (l *loader) claim(d *document) {
	if first, again := l.taken[d.ref]; again {
		d.root().reject(printable(d.ref.String())+" a second time (first at "+first.String()+")",
			"one document of each name")
		l.report(d)
		return
	}
	l.taken[d.ref] = d.position(d.node)
	l.documents = append(l.documents, d)
}

func (l *loader) report(d *document) {
	l.set.Problems = append(l.set.Problems, d.problems...)
}

// decide reads the documents and accepts each, or finds what stands in its place.
func (l *loader) decide(foundation bool) {
	for _, d := range l.documents {
		if d.kind.foundation != foundation {
			continue
		}
		w := d.read()
		if d.errors == 0 {
			l.accept(w, Document{Ref: d.ref, File: d.file, Line: d.line, Raw: d.raw})
		} else {
			l.replace(d, w)
		}
		l.report(d)
	}
}

func (l *loader) accept(w draft, d Document) {
	l.set.Documents = append(l.set.Documents, d)
	switch {
	case w.segment != nil:
		l.set.Segments[d.Ref.Name] = w.segment
		l.segments[d.Ref.Name] = &segmentEntry{position: w.segment.Position, accepted: true}
		if w.segment.Isolated {
			l.set.Policies = append(l.set.Policies, w.policy)
		}
	case w.policy != nil:
		l.set.Policies = append(l.set.Policies, w.policy)
	default:
		l.set.Namespaces[w.namespace] = w.labels
	}
}

func (l *loader) finish() *Set {
	SortPolicies(l.set.Policies)
	SortProblems(l.set.Problems)
	for _, list := range [][]Document{l.set.Documents, l.set.Rejected} {
		slices.SortStableFunc(list, func(a, b Document) int {
			return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
		})
	}
	return l.set
}
