// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/policy"
)

func sample(containerID string) Attachment {
	return Attachment{
		Endpoint: policy.Endpoint{
			ID: ID(containerID, "eth0"), Namespace: "shop", Name: "web-1", Interface: "eth0",
			Network: "front", Labels: map[string]string{"app": "web", "<&>": "\u2028"},
			Ports: []policy.NamedPort{{Name: "http", Protocol: 6, Port: 8080}},
			Addresses: []netip.Addr{
				netip.MustParseAddr("10.1.0.2"), netip.MustParseAddr("fd00:1::2")},
		},
		ContainerID: containerID, NetNS: "/run/netns/x", NetworkName: "front",
		HostInterface: "veth1", Bridge: "br0", MAC: "02:00:00:00:00:0b",
		Created: time.Date(2025, 3, 4, 5, 6, 7, 8, time.UTC),
	}
}

func open(t *testing.T, dir string) *Registry {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func put(t *testing.T, r *Registry, all ...Attachment) {
	t.Helper()
	for _, a := range all {
		if err := r.Put(a); err != nil {
			t.Fatal(err)
		}
	}
}

// want fails unless the registry holds exactly these attachments and nothing corrupt.
func want(t *testing.T, r *Registry, all ...Attachment) {
	t.Helper()
	got, corrupt, err := r.All()
	if err != nil || len(corrupt) != 0 || len(got) != len(all) ||
		len(all) > 0 && !reflect.DeepEqual(got, all) {
		t.Errorf("registry: got %+v, %v, %v, want %+v", got, corrupt, err, all)
	}
}

func TestRegistry(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	want(t, r)
	a, b := sample("a"), sample("b")
	put(t, r, b, a)
	want(t, open(t, dir), a, b)

	b.Endpoint.Labels = map[string]string{"app": "db"}
	put(t, r, b)
	want(t, r, a, b)
	if got, err := r.ByContainer("b", "eth0"); err != nil || !reflect.DeepEqual(got, b) {
		t.Errorf("by container: got %+v, %v, want %+v", got, err, b)
	}
	if _, err := r.ByContainer("b", "eth1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("other interface: got %v, want %v", err, fs.ErrNotExist)
	}
	for range 2 {
		if err := r.Delete(a.Endpoint.ID); err != nil {
			t.Errorf("delete: %v", err)
		}
		want(t, r, b)
	}
}

func TestPermissions(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	dir := t.TempDir()
	put(t, open(t, dir), sample("a"))
	for path, mode := range map[string]fs.FileMode{
		"endpoints": 0o700 | fs.ModeDir, "endpoints/corrupt": 0o700 | fs.ModeDir,
		filepath.Join("endpoints", fileName("a/eth0")): 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil || info.Mode() != mode {
			t.Errorf("%s: got %v, %v, want %v", path, info.Mode(), err, mode)
		}
	}
}

func TestInvalidIsNotWritten(t *testing.T) {
	cases := map[string]func(*Attachment){
		"empty container id":    func(a *Attachment) { a.ContainerID = "" },
		"traversal":             func(a *Attachment) { a.ContainerID = "../../etc/passwd" },
		"dot first":             func(a *Attachment) { a.ContainerID = ".a" },
		"hyphen first":          func(a *Attachment) { a.ContainerID = "-a" },
		"letter of no ASCII":    func(a *Attachment) { a.ContainerID = "aé" },
		"newline":               func(a *Attachment) { a.ContainerID = "a\n" },
		"long container id":     func(a *Attachment) { a.ContainerID = strings.Repeat("a", 257) },
		"interface with slash":  func(a *Attachment) { a.Endpoint.Interface = "../x" },
		"long interface":        func(a *Attachment) { a.Endpoint.Interface = strings.Repeat("e", 16) },
		"host interface":        func(a *Attachment) { a.HostInterface = "" },
		"bridge":                func(a *Attachment) { a.Bridge = "br 0" },
		"mac":                   func(a *Attachment) { a.MAC = "02:00:00:00:00:0B" },
		"relative netns":        func(a *Attachment) { a.NetNS = "run/netns/x" },
		"zone":                  func(a *Attachment) { addAddress(a, "fe80::1%eth0") },
		"mapped":                func(a *Attachment) { addAddress(a, "::ffff:10.0.0.1") },
		"unspecified":           func(a *Attachment) { addAddress(a, "0.0.0.0") },
		"multicast":             func(a *Attachment) { addAddress(a, "ff02::1") },
		"twice":                 func(a *Attachment) { addAddress(a, "10.1.0.2") },
		"no address in a place": func(a *Attachment) { a.Endpoint.Addresses[0] = netip.Addr{} },
	}
	for name, spoil := range cases {
		dir := t.TempDir()
		r := open(t, dir)
		a := sample("a")
		spoil(&a)
		a.Endpoint.ID = ID(a.ContainerID, a.Endpoint.Interface)
		if err := r.Put(a); err == nil {
			t.Errorf("%s: got no error, want one", name)
		}
		want(t, r)
	}
	a := sample("a")
	a.Endpoint.ID = "b/eth0"
	if err := open(t, t.TempDir()).Put(a); err == nil {
		t.Error("id of another endpoint: got no error, want one")
	}
	if _, err := open(t, t.TempDir()).ByContainer("../a", "eth0"); err == nil ||
		errors.Is(err, fs.ErrNotExist) {
		t.Errorf("traversal in a question: got %v, want an error about the id", err)
	}
}

func TestContainerIDs(t *testing.T) {
	for _, id := range []string{"a", "0", "Az09", "a_.-", strings.Repeat("a", maxContainerID)} {
		if err := sample(id).Validate(); err != nil {
			t.Errorf("%s: got %v, want no error", id, err)
		}
	}
}

func addAddress(a *Attachment, s string) {
	a.Endpoint.Addresses = append(a.Endpoint.Addresses, netip.MustParseAddr(s))
}

func TestCorruptFilesAreSetAside(t *testing.T) {
	text, err := encode(sample("bad"))
	if err != nil {
		t.Fatal(err)
	}
	name := fileName("bad/eth0")
	write := func(name string, text []byte) func(string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), text, 0o600) }
	}
	twice := strings.Replace(string(text), "{", `{"mac": "02:00:00:00:00:0c",`, 1)
	cases := map[string]struct {
		file string
		make func(dir string) error
	}{
		"empty":     {name, write(name, nil)},
		"truncated": {name, write(name, text[:len(text)/2])},
		"no end":    {name, write(name, text[:len(text)-1])},
		"appended":  {name, write(name, append(text[:len(text):len(text)], "{}"...))},
		"zeroes":    {name, write(name, make([]byte, len(text)))},
		"other key": {name, write(name, []byte(strings.Replace(string(text), "mac", "mad", 1)))},
		"key case":  {name, write(name, []byte(strings.Replace(string(text), `"mac`, `"MAC`, 1)))},
		"key twice": {name, write(name, []byte(twice))},
		"huge":      {name, write(name, make([]byte, maxFile+1))},
		"copied":    {fileName("x/eth0"), write(fileName("x/eth0"), text)},
		"foreign":   {"README", write("README", text)},
		"hidden":    {".hidden", write(".hidden", text)},
		"directory": {name, func(dir string) error {
			return os.MkdirAll(filepath.Join(dir, name, "sub"), 0o700)
		}},
		"link": {name, func(dir string) error {
			return os.Symlink(fileName("good/eth0"), filepath.Join(dir, name))
		}},
		"fifo": {name, func(dir string) error {
			return syscall.Mkfifo(filepath.Join(dir, name), 0o600)
		}},
	}
	for title, x := range cases {
		t.Run(title, func(t *testing.T) { corruptAgain(t, x.file, x.make) })
	}
}

// corruptAgain makes a corrupt file more often than copies are kept, and looks at what the
// registry says each time.
func corruptAgain(t *testing.T, file string, corrupted func(dir string) error) {
	good := sample("good")
	r := open(t, t.TempDir())
	put(t, r, good)
	for round := range keptCopies + 2 {
		if err := corrupted(r.dir); err != nil {
			t.Fatal(err)
		}
		got, corrupt, err := r.All()
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], good) {
			t.Fatalf("all: got %v, %v, want the good one", got, err)
		}
		if len(corrupt) != 1 || corrupt[0].File != filepath.Join(r.dir, file) ||
			!errors.Is(corrupt[0].Err, ErrCorrupt) {
			t.Fatalf("round %d: corrupt: got %+v, want %s", round, corrupt, file)
		}
		if _, err := os.Lstat(corrupt[0].SetAside); err != nil ||
			filepath.Dir(corrupt[0].SetAside) != r.corrupt {
			t.Errorf("set aside: got %q, %v", corrupt[0].SetAside, err)
		}
		want(t, r, good)
	}
}

func TestCorruptIsNotTrustedNorInTheWay(t *testing.T) {
	r := open(t, t.TempDir())
	a := sample("a")
	path := filepath.Join(r.dir, fileName("a/eth0"))
	spoil := func() {
		if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	spoil()
	if _, err := r.ByContainer("a", "eth0"); !errors.Is(err, ErrCorrupt) {
		t.Errorf("by container: got %v, want %v", err, ErrCorrupt)
	}
	if _, err := r.ByContainer("a", "eth0"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("by container again: got %v, want %v", err, fs.ErrNotExist)
	}
	spoil()
	put(t, r, a)
	want(t, r, a)
	spoil()
	if err := r.Delete("a/eth0"); err != nil {
		t.Error(err)
	}
	want(t, r)
}

func FuzzDecode(f *testing.F) {
	for _, id := range []string{"a", "b"} {
		text, err := encode(sample(id))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(text[:len(text)/2])
	}
	f.Add([]byte(`{"endpoint":{"id":"../x/eth0"},"containerID":"../x"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := decode(text)
		if err != nil {
			return
		}
		if err := a.Validate(); err != nil {
			t.Errorf("decoded: got an invalid attachment: %v", err)
		}
		if again, err := encode(a); err != nil || string(again) != string(text) {
			t.Errorf("encoded again: got %q, %v, want %q", again, err, text)
		}
		if n := fileName(a.Endpoint.ID); strings.ContainsAny(n, "/\x00") {
			t.Errorf("file name: got %q", n)
		}
	})
}
