// SPDX-License-Identifier: Apache-2.0

package files

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// version is a text that shows whether it is whole, and longer than one write.
func version(n int) string {
	return fmt.Sprintf("begin %d\n%s\nend %d\n", n, strings.Repeat("x", 500+n%3000), n)
}

func isWhole(text string) bool {
	n := 0
	_, err := fmt.Sscanf(text, "begin %d\n", &n)
	return err == nil && text == version(n)
}

// pieces writes a text to an open file with pauses, and closes it.
func pieces(f *os.File, text string, dice *rand.Rand) error {
	for len(text) > 0 {
		n := min(len(text), 1+dice.IntN(1500))
		if _, err := f.WriteString(text[:n]); err != nil {
			return err
		}
		text = text[n:]
		time.Sleep(time.Duration(dice.IntN(1500)) * time.Microsecond)
	}
	return f.Close()
}

// writers are the ways in which a file gets another content.
var writers = map[string]func(path, text string, dice *rand.Rand) error{
	"in place": func(path, text string, dice *rand.Rand) error {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		return pieces(f, text, dice)
	},
	"rename": func(path, text string, dice *rand.Rand) error {
		f, err := os.Create(path + ".tmp")
		if err != nil {
			return err
		}
		if err := pieces(f, text, dice); err != nil {
			return err
		}
		return os.Rename(path+".tmp", path)
	},
	// A descriptor that is still written to when the file has its name.
	"rename early": func(path, text string, dice *rand.Rand) error {
		f, err := os.Create(path + ".tmp")
		if err != nil {
			return err
		}
		if err := os.Rename(path+".tmp", path); err != nil {
			return err
		}
		return pieces(f, text, dice)
	},
	"vim": func(path, text string, dice *rand.Rand) error {
		if err := os.Rename(path, path+"~"); err != nil {
			return err
		}
		time.Sleep(time.Duration(dice.IntN(2000)) * time.Microsecond)
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		if err := pieces(f, text, dice); err != nil {
			return err
		}
		return os.Remove(path + "~")
	},
	"delete first": func(path, text string, dice *rand.Rand) error {
		if err := os.Remove(path); err != nil {
			return err
		}
		time.Sleep(time.Duration(dice.IntN(2000)) * time.Microsecond)
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		return pieces(f, text, dice)
	},
	// A shell that empties the file, and another that fills it.
	"empty first": func(path, text string, dice *rand.Rand) error {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return err
		}
		time.Sleep(time.Duration(dice.IntN(2000)) * time.Microsecond)
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		return pieces(f, text, dice)
	},
	// As kubelet and "ln -sfn" do it.
	"link": func(path, text string, dice *rand.Rand) error {
		target := fmt.Sprintf("%s.%d", path, dice.Uint32())
		if err := os.WriteFile(target, []byte(text), 0o600); err != nil {
			return err
		}
		if err := os.Symlink(filepath.Base(target), path+".tmp"); err != nil {
			return err
		}
		return os.Rename(path+".tmp", path)
	},
}

// kinds are the writers that one file sees: what a link leads to is not written in place.
var kinds = [][]string{
	{"in place"}, {"rename"}, {"vim"}, {"link", "rename"},
	{"in place", "rename", "rename early", "vim", "delete first", "empty first"},
}

// TestNoFileIsEverHalfOrMissing lets writers change files in all their ways. Every Read has
// every file, whole, and each ends as it was written last.
func TestNoFileIsEverHalfOrMissing(t *testing.T) {
	for _, o := range []Options{{}, {noLeases: true}} {
		t.Run(fmt.Sprintf("leases %t", !o.noLeases), func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			s := site{dir: t.TempDir()}
			old := time.Now().Add(-time.Hour) // or the start would wait
			pause := time.Millisecond
			if o.noLeases {
				pause = 3 * stillFor / 4 // some versions stand still long enough to be seen
			}
			for i := range kinds {
				name := fmt.Sprintf("%d.yaml", i)
				s.write(t, name, version(0))
				must(t, os.Chtimes(s.at(name), old, old))
			}
			// No pause of a busy machine is as long as these.
			s.start(t, Options{Settle: 20 * time.Second, Grace: 20 * time.Second,
				noLeases: o.noLeases, Sweep: 100 * time.Millisecond})
			const rounds = 50
			var wg sync.WaitGroup
			for i, names := range kinds {
				dice := rand.New(rand.NewPCG(seed, uint64(i)))
				path := s.at(fmt.Sprintf("%d.yaml", i))
				wg.Go(func() {
					for n := range rounds {
						name := names[dice.IntN(len(names))]
						if err := writers[name](path, version(n+1), dice); err != nil {
							t.Errorf("%s: %v", name, err)
							return
						}
						time.Sleep(time.Duration(dice.IntN(4)*dice.IntN(4)) * pause)
					}
				})
			}
			done := make(chan struct{})
			go func() { wg.Wait(); close(done) }()
			s.readUntil(t, done)
			want := map[string]string{}
			for i := range kinds {
				want[fmt.Sprintf("%d.yaml", i)] = version(rounds)
			}
			if got, err := s.content(t); err != nil || !equalTexts(got, want) {
				s.becomes(t, "end", want)
			}
		})
	}
}

func equalTexts(a, b map[string]string) bool {
	for name, text := range a {
		if b[name] != text {
			return false
		}
	}
	return len(a) == len(b)
}

// readUntil reads all the time, and counts what it saw.
func (s site) readUntil(t *testing.T, done <-chan struct{}) {
	t.Helper()
	reads, seen := 0, map[string]bool{}
	for {
		select {
		case <-done:
			t.Logf("%d reads, %d versions seen", reads, len(seen))
			if len(seen) < 50 {
				t.Errorf("versions seen: got %d, want many", len(seen))
			}
			return
		default:
		}
		reads++
		got, err := s.content(t)
		if err != nil || len(got) != len(kinds) {
			t.Fatalf("files: got %d, %v, want %d", len(got), err, len(kinds))
		}
		for name, text := range got {
			if !isWhole(text) {
				t.Fatalf("%s: got %d bytes %.20q, want a whole version", name, len(text), text)
			}
			seen[name+text[:12]] = true
		}
		time.Sleep(time.Duration(reads%5) * 100 * time.Microsecond)
	}
}

// The kernel's structures are never read beyond their end, however they are cut or damaged.
func FuzzDecodeEvents(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00a.yaml\x00\x00" +
		"\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		size := 0
		for _, e := range decodeEvents(data) {
			size += len(e.name)
		}
		if size > len(data) {
			t.Errorf("names: got %d bytes out of %d", size, len(data))
		}
	})
}

// What the kernel sends is read as it says.
func TestDecodeEvents(t *testing.T) {
	got := decodeEvents([]byte("\x01\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00" +
		"a.yaml\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x02\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + "cut"))
	want := []event{{1, 0x8, "a.yaml"}, {2, 0x400, ""}, {0, 0x4000, ""}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
