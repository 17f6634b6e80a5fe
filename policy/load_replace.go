// SPDX-License-Identifier: Apache-2.0

package policy

import "fmt"

// read reads the whole document.
func (d *document) read() draft {
	o, _ := d.root().object(documentFields...)
	return d.kind.read(d, o)
}

// replace finds what stands in the place of a rejected document.
func (l *loader) replace(d *document, w draft) {
	if good, stored := l.goodByRef[d.ref]; stored && l.restore(good) {
		d.root().warn("rejected: the last good version (%s:%d) stays in force",
			printable(good.File), good.Line)
		return
	}
	l.set.Rejected = append(l.set.Rejected, Document{Ref: d.ref, File: d.file, Line: d.line,
		Raw: d.raw})
	l.closeFor(d, w)
}

// restore puts an earlier version of a document in force. It fails when that version is not
// accepted any more, for example because a Segment that it names is gone.
func (l *loader) restore(good Document) bool {
	node, problem := parse(good.File, chunk{line: max(good.Line, 1), data: good.Raw})
	if problem != nil || node == nil {
		return false
	}
	d := &document{file: good.File, line: good.Line, raw: good.Raw, node: node,
		segments: l.segments}
	if _, isList := d.identify(); isList || d.kind == nil || d.ref != good.Ref {
		return false
	}
	w := d.read()
	if d.errors > 0 {
		return false
	}
	l.accept(w, good)
	for _, p := range d.problems {
		if p.Severity == SeverityNotEnforced {
			l.set.Problems = append(l.set.Problems, p)
		}
	}
	return true
}

// closeFor closes the subjects of a rejected document of which no version is stored.
func (l *loader) closeFor(d *document, w draft) {
	if w.segment != nil && d.ref.isNamed() {
		entry := &segmentEntry{position: d.position(d.node), readable: w.subjectRead}
		l.segments[d.ref.Name] = entry
		if w.subjectRead {
			l.set.Segments[d.ref.Name] = w.segment
		}
	}
	closed := w.closed()
	switch {
	case w.segment != nil && !d.ref.isNamed():
		d.root().warn("rejected: a Segment without a name cannot be closed")
		return
	case closed == nil:
		d.root().warn("rejected, and no earlier version is stored: %s", w.unclosed())
	case closed.Mode == Audit:
		d.root().warn("rejected, and no earlier version is stored: " +
			"its mode is Audit, so nothing is closed")
	default:
		d.root().warn("rejected, and no earlier version is stored: "+
			"its subjects are closed for %s", closed.closedDirections())
	}
	if closed != nil {
		l.set.Policies = append(l.set.Policies, closed)
	}
}

func (w draft) unclosed() string {
	switch {
	case w.policy == nil:
		return "the labels of the namespace are not known"
	case !w.subjectRead:
		return "its subjects cannot be read, so nothing is closed"
	}
	return "it names no direction, so nothing is closed"
}

func (p *Policy) closedDirections() string {
	in := p.Isolates[Ingress] || len(p.Rules[Ingress]) > 0
	out := p.Isolates[Egress] || len(p.Rules[Egress]) > 0
	switch {
	case in && out:
		return "ingress and egress"
	case in:
		return "ingress"
	}
	return "egress"
}

// keepOrphans keeps what the last good version of a file held while the file has a document
// that cannot even be named: that document may be the new version of any of them.
func (l *loader) keepOrphans(foundation bool) {
	for _, good := range l.lastGood {
		k := kindNamed(good.Ref.Kind)
		_, present := l.taken[good.Ref]
		if k == nil || k.foundation != foundation || present || !l.unreadable[good.File] {
			continue
		}
		l.taken[good.Ref] = Position{File: good.File, Line: good.Line}
		message := "a document of this file cannot be read, and this one is in none that can: " +
			"its last good version stays in force"
		if !l.restore(good) {
			message = fmt.Sprintf("%s cannot be restored beside a document that cannot be read",
				printable(good.Ref.String()))
		}
		l.set.Problems = append(l.set.Problems, Problem{Ref: good.Ref,
			Position: Position{File: good.File, Line: good.Line},
			Severity: SeverityWarning, Message: message})
	}
}
