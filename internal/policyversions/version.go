// SPDX-License-Identifier: Apache-2.0

package policyversions

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/bulkhead-net/bulkhead/policy"
)

// ErrCorrupt marks a version whose file is not what Save wrote.
var ErrCorrupt = errors.New("corrupt policy version")

// format is the version of the form below.
const format = 1

// version is the form of a file.
type version struct {
	Format             int               `json:"format"`
	AllowEncapsulation bool              `json:"allowEncapsulation,omitempty"`
	Documents          []policy.Document `json:"documents"`
	Rejected           []policy.Document `json:"rejected,omitempty"`
}

// hashForm is what Hash returns, and all that may become the name of a file.
var hashForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Hash names the documents of a set, with their places, and what the configuration adds to them:
// equal ones have equal hashes.
func Hash(set *policy.Set) (string, error) {
	data, err := encode(set)
	return hashOf(data), err
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func encode(set *policy.Set) ([]byte, error) {
	data, err := json.Marshal(version{format, set.AllowEncapsulation, set.Documents, set.Rejected})
	if err != nil {
		return nil, fmt.Errorf("policy version: %w", err)
	}
	return append(data, '\n'), nil
}

// decode is the inverse of encode, for a text that has the hash.
func decode(data []byte, hash string) (*policy.Set, error) {
	if found := hashOf(data); found != hash {
		return nil, fmt.Errorf("%w: its contents have the hash %s", ErrCorrupt, found)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var v version
	err := d.Decode(&v)
	if err == nil && v.Format != format {
		err = fmt.Errorf("found format %d, accepted %d", v.Format, format)
	}
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("found more behind the end")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	set, err := policy.Restore(v.Documents, v.Rejected)
	if err != nil {
		return nil, err
	}
	set.AllowEncapsulation = v.AllowEncapsulation
	return set, nil
}
