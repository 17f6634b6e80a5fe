// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"context"
	"fmt"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/denials"
)

// denialsText is one line of how the account stands, and one for everything that is wrong with it.
func denialsText(s *denials.Status) []string {
	if s == nil {
		return nil
	}
	all := s.Totals.Denied
	text := fmt.Sprintf("%d packets counted, %d recorded, %d lost", all.Counted, all.Recorded,
		all.Lost)
	if all.Unlogged > 0 {
		text += fmt.Sprintf(", %d refused by rules with log None", all.Unlogged)
	}
	text += misattributed(all.Misattributed)
	text += " since " + s.Since.UTC().Format(time.RFC3339)
	if would := s.Totals.WouldDeny.Counted; would > 0 {
		text += fmt.Sprintf("; Audit policies would have refused %d more", would)
	}
	lines := []string{text}
	for _, missed := range []struct {
		where string
		n     uint64
	}{{"journal", s.Journal.Missed}, {"spool", s.Spool.Missed}} {
		if missed.n > 0 {
			lines = append(lines, fmt.Sprintf("%s: %s missed", missed.where,
				count(int(missed.n), "record")))
		}
	}
	return append(lines, s.NotReady()...)
}

// AskAccounts asks an agent for its accounts of denials.
func AskAccounts(ctx context.Context, socket string) (LiveLedger, error) {
	var a denials.Accounts
	reply, err := agentapi.Call(ctx, socket, agentapi.Request{Verb: agentapi.VerbDenials})
	if err == nil {
		err = reply.Decode(&a)
	}
	if err != nil {
		return LiveLedger{}, err
	}
	all := a.Totals.Denied
	return LiveLedger{Counted: all.Counted, Recorded: all.Recorded, Lost: all.Lost,
		Silent: all.Unlogged, Misattributed: all.Misattributed, Behind: time.Since(a.Read)}, nil
}
