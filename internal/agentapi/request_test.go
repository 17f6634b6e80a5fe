// SPDX-License-Identifier: Apache-2.0

package agentapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/policy"
)

func testAttachment() *endpoint.Attachment {
	return &endpoint.Attachment{
		Endpoint: policy.Endpoint{ID: "web1/eth0", Namespace: "shop", Name: "web", Interface: "eth0",
			Labels: map[string]string{"app": "web"}, Addresses: []netip.Addr{
				netip.MustParseAddr("10.1.0.2"), netip.MustParseAddr("fd00::2")}},
		ContainerID: "web1", NetworkName: "net1", HostInterface: "veth1", Bridge: "br0",
		MAC: "0a:58:0a:01:00:02", Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

// requests is one of every verb.
func requests() []Request {
	one := Interface{ContainerID: "web1", Interface: "eth0"}
	return []Request{
		{Verb: VerbAttach, Attach: testAttachment()},
		{Verb: VerbDetach, Detach: &one},
		{Verb: VerbCollect, Collect: &Collect{Network: "net1", Valid: []Interface{one}}},
		{Verb: VerbCollect, Collect: &Collect{Network: "net1", Valid: []Interface{}}},
		{Verb: VerbCheck, Check: &one},
		{Verb: VerbReady}, {Verb: VerbStatus}, {Verb: VerbEndpoints}, {Verb: VerbPolicies},
		{Verb: VerbDenials}, {Verb: VerbApply},
		{Verb: VerbQuarantine, Quarantine: &Quarantine{Endpoint: "web1/eth0", Reason: "incident 7",
			AllowFrom: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}}},
		{Verb: VerbRelease, Release: &Release{Endpoint: "web1/eth0"}},
		{Verb: VerbLabel, Label: &Label{Endpoint: "web1/eth0", Remove: []string{"tier"},
			Set: map[string]string{"app": "db"}}},
	}
}

func TestRequestsComeBackAsSent(t *testing.T) {
	seen := map[Verb]bool{}
	for _, want := range requests() {
		text, err := want.encode(1500 * time.Millisecond)
		if err != nil {
			t.Errorf("%s: encode: got %v, want nil", want.Verb, err)
			continue
		}
		want.Version, want.TimeLeft = 1, 1500
		got, err := decodeRequest(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v and %v, want %+v", want.Verb, got, err, want)
		}
		seen[want.Verb] = true
	}
	for verb := range takes {
		if !seen[verb] {
			t.Errorf("verb %s: got no request, want one", verb)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	request := func(more string) string { return `{"version": 1, "timeLeft": 100, ` + more + `}` }
	for _, tc := range []struct{ name, text, word string }{
		{"nothing", ``, "EOF|unexpected"},
		{"no JSON", `ready`, "invalid character"},
		{"half", `{"version": 1, "verb": "ready"`, "unexpected"},
		{"more text", request(`"verb": "ready"`) + ` {}`, "after top-level value"},
		{"no version", `{"verb": "ready", "timeLeft": 1}`, "version: found 0, accepted 1"},
		{"later version", `{"version": 2, "word": "ready"}`, "version: found 2, accepted 1"},
		{"no verb", request(`"detach": {"containerID": "a", "interface": "b"}`), "verb: found"},
		{"unknown verb", request(`"verb": "open"`), `"attach"`},
		{"unknown field", request(`"verb": "ready", "force": true`), "force"},
		{"unknown field within", request(`"verb": "detach", "detach": {"containerID": "a",
			"interface": "b", "force": true}`), "force"},
		{"no time", `{"version": 1, "verb": "ready"}`, "timeLeft"},
		{"time gone", `{"version": 1, "verb": "ready", "timeLeft": -1}`, "timeLeft"},
		{"no payload", request(`"verb": "attach"`), "attach: missing"},
		{"other payload", request(`"verb": "check", "detach": {"containerID": "a",
			"interface": "b"}`), "check: missing"},
		{"two payloads", request(`"verb": "release", "release": {"endpoint": "a/b"},
			"quarantine": {"endpoint": "a/b"}`), "quarantine: found"},
		{"payload of none", request(`"verb": "ready", "release": {"endpoint": "a/b"}`),
			"release: found"},
		{"impossible attachment", request(`"verb": "attach", "attach": {"containerID": "../x"}`),
			"container id"},
		{"nameless interface", request(`"verb": "detach", "detach": {"containerID": "a"}`), "empty"},
		{"no list", request(`"verb": "collect", "collect": {"network": "n"}`), "valid: missing"},
		{"null list", request(`"verb": "collect", "collect": {"network": "n", "valid": null}`),
			"valid: missing"},
		{"no network", request(`"verb": "collect", "collect": {"valid": []}`), "network: missing"},
		{"nameless entry", request(`"verb": "collect", "collect": {"network": "n",
			"valid": [{"interface": "eth0"}]}`), "valid[0]"},
		{"quarantine of nobody", request(`"verb": "quarantine", "quarantine": {}`),
			"endpoint: missing"},
		{"no block", request(`"verb": "quarantine", "quarantine": {"endpoint": "a/b",
			"allowFrom": ["10.0.0.1/8"]}`), "allowFrom[0]"},
		{"release of nobody", request(`"verb": "release", "release": {}`), "endpoint: missing"},
		{"no label", request(`"verb": "label", "label": {"endpoint": "a/b"}`), "nothing to set"},
		{"label both ways", request(`"verb": "label", "label": {"endpoint": "a/b",
			"set": {"x": "y"}, "remove": ["x"]}`), "both"},
	} {
		_, err := decodeRequest([]byte(tc.text))
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", tc.name, err)
			continue
		}
		if !slices.ContainsFunc(strings.Split(tc.word, "|"), func(w string) bool {
			return strings.Contains(err.Error(), w)
		}) {
			t.Errorf("%s: got %v, want %q in it", tc.name, err, tc.word)
		}
	}
}

// TestErrorsKeepTheirMeaning: what a handler returns is found again by the requester.
func TestErrorsKeepTheirMeaning(t *testing.T) {
	for _, tc := range []struct {
		cause error
		code  Code
		found error
	}{
		{endpoint.ErrConflict, CodeConflict, endpoint.ErrConflict},
		{endpoint.ErrUnknown, CodeUnknownEndpoint, endpoint.ErrUnknown},
		{ErrNotReady, CodeNotReady, ErrNotReady},
		{ErrInvalid, CodeInvalid, ErrInvalid},
		{ErrBusy, CodeBusy, ErrBusy},
		{context.DeadlineExceeded, CodeBusy, ErrBusy},
		{&Error{Code: CodeConflict, Message: "of another agent"}, CodeConflict, endpoint.ErrConflict},
		{errors.New("disk full"), CodeInternal, nil},
	} {
		text, err := encodeReply(nil, fmt.Errorf("attach: %w", tc.cause))
		if err != nil {
			t.Fatal(err)
		}
		_, err = decodeReply(text)
		var got *Error
		if !errors.As(err, &got) || got.Code != tc.code ||
			got.Message != "attach: "+tc.cause.Error() {
			t.Errorf("%v: got %#v, want code %s", tc.cause, err, tc.code)
		}
		for _, e := range []error{endpoint.ErrConflict, endpoint.ErrUnknown, ErrNotReady, ErrInvalid,
			ErrBusy, ErrDown, ErrTimeout} {
			if errors.Is(err, e) != (e == tc.found) {
				t.Errorf("%v: got errors.Is(%v) %t, want %t", tc.cause, e, errors.Is(err, e),
					e == tc.found)
			}
		}
	}
}

func TestReplyOfAnotherVersionIsNoSuccess(t *testing.T) {
	for _, text := range []string{`{}`, `{"version": 2, "result": {}}`, `null`, `[]`, ``} {
		if r, err := decodeReply([]byte(text)); err == nil {
			t.Errorf("%s: got %+v, want an error", text, r)
		}
	}
	if r, err := decodeReply([]byte(`{"version": 1, "result": 7, "more": 1}`)); err != nil {
		t.Errorf("later field: got %+v and %v, want no error", r, err)
	}
	var attached Attached
	if err := (Reply{Version: 1}).Decode(&attached); err == nil {
		t.Error("missing result: got nil, want an error")
	}
}

func FuzzRequest(f *testing.F) {
	for _, r := range requests() {
		text, err := r.encode(time.Second)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"version": 2}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := decodeRequest(text)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("got %v, want ErrInvalid", err)
			}
			return
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		second, err := decodeRequest(again)
		if err != nil {
			t.Fatalf("%s: got %v, want the same request", again, err)
		}
		third, err := json.Marshal(second)
		if err != nil || string(third) != string(again) {
			t.Errorf("got %s and %v, want %s", third, err, again)
		}
	})
}
