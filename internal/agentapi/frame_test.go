// SPDX-License-Identifier: Apache-2.0

package agentapi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
)

func frame(size uint32, text string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, size), text...)
}

func TestFrames(t *testing.T) {
	for _, tc := range []struct {
		name  string
		input []byte
		text  string
		want  error
	}{
		{"whole", frame(3, "abc"), "abc", nil},
		{"with more behind", frame(3, "abcdef"), "abc", nil},
		{"nothing", nil, "", io.EOF},
		{"half a length", []byte{0, 0}, "", io.ErrUnexpectedEOF},
		{"half a text", frame(3, "ab"), "ab", io.ErrUnexpectedEOF},
		{"no text", frame(3, ""), "", io.ErrUnexpectedEOF},
		{"empty", frame(0, ""), "", errFrame},
		{"too large", frame(MaxFrame+1, "abc"), "", errFrame},
		{"largest length", frame(1<<32-1, "abc"), "", errFrame},
	} {
		got, err := readFrame(bytes.NewReader(tc.input))
		if string(got) != tc.text || !errors.Is(err, tc.want) {
			t.Errorf("%s: got %q and %v, want %q and %v", tc.name, got, err, tc.text, tc.want)
		}
	}
	for _, size := range []int{0, MaxFrame + 1} {
		var out bytes.Buffer
		if err := writeFrame(&out, make([]byte, size)); !errors.Is(err, errFrame) || out.Len() > 0 {
			t.Errorf("write of %d bytes: got %v and %d bytes, want an error", size, err, out.Len())
		}
	}
	largest := strings.Repeat("x", MaxFrame)
	var b bytes.Buffer
	if err := writeFrame(&b, []byte(largest)); err != nil {
		t.Fatal(err)
	}
	if got, err := readFrame(&b); err != nil || string(got) != largest {
		t.Errorf("largest: got %d bytes and %v, want %d", len(got), err, MaxFrame)
	}
}

// TestLengthReservesNothing: four bytes must not cost 32 MiB.
func TestLengthReservesNothing(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		if _, err := readFrame(bytes.NewReader(frame(MaxFrame, "x"))); err == nil {
			t.Fatal("half a frame: got nil, want an error")
		}
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("100 lengths: got %d bytes reserved, want at most 1 MiB", used)
	}
}

func FuzzFrame(f *testing.F) {
	f.Add(frame(3, "abc"))
	f.Add(frame(1<<32-1, "abc"))
	f.Add([]byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, input []byte) {
		text, err := readFrame(bytes.NewReader(input))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := writeFrame(&out, text); err != nil || !bytes.HasPrefix(input, out.Bytes()) {
			t.Errorf("got %v and %q, want the beginning of %q", err, out.Bytes(), input)
		}
	})
}
