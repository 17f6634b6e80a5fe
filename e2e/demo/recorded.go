// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"

	denial "github.com/bulkhead-net/bulkhead/internal/flow"
)

// recorded shows what the agent has kept of the refused probes: grouped by policy, the latest that
// was refused to web at db, and what would allow it.
func (p *play) recorded(ctx context.Context) error {
	if _, err := p.ctl(ctx, "denials", "--group-by", "policy"); err != nil {
		return err
	}
	at := []string{"--endpoint", "shop/web", "--port", "5432", "--limit", "1"}
	p.say("")
	if _, err := p.ctl(ctx, "denials", at...); err != nil {
		return err
	}
	r, err := p.record(ctx, at)
	if err != nil {
		return err
	}
	if r.Client.Name != "web" || r.Server.Name != "db" || len(r.Isolating) == 0 {
		return fmt.Errorf("record %s: got %s to %s, isolated by %v; want web to db and the policies "+
			"that isolate", r.ID, r.Client.Name, r.Server.Name, r.Isolating)
	}
	p.say("")
	_, err = p.ctl(ctx, "suggest", r.ID)
	return err
}

// record is the one record that a question finds.
func (p *play) record(ctx context.Context, question []string) (denial.Record, error) {
	arguments := append([]string{"denials", "-o", "json"}, question...)
	out, err := exec.CommandContext(ctx, filepath.Join(p.bin, "bulkheadctl"),
		withPlaces(arguments)...).Output()
	if err != nil {
		return denial.Record{}, fmt.Errorf("bulkheadctl denials: %w", err)
	}
	var answer struct {
		Records []denial.Record `json:"records"`
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return denial.Record{}, fmt.Errorf("bulkheadctl denials: %w", err)
	}
	if len(answer.Records) != 1 {
		return denial.Record{}, fmt.Errorf("bulkheadctl denials %v: got %d records, want 1", question,
			len(answer.Records))
	}
	return answer.Records[0], nil
}
