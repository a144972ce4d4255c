package secret

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"io"
	"slices"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"golang.org/x/crypto/argon2"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// privateDigest is where private state keeps the digest of what was last
// written. Another way of making digests needs another name.
const privateDigest = "argon2id"

// How a digest is made: 7 MiB and five passes, of the equals in OWASP's password
// storage cheat sheet for Argon2id the one that takes the least memory, because
// Terraform makes ten at once. It takes some 30 ms.
const (
	digestPasses  = 5
	digestMemory  = 7 << 10 // KiB
	digestThreads = 1
	digestLength  = 32
)

// A digest recognises a value without telling it. Private state is a part of
// the state file, and a value may be easy to guess, so it is salted and slow.
type digest struct {
	Salt []byte `json:"salt"`
	Hash []byte `json:"hash"`
}

func newDigest(random io.Reader, data []byte) (digest, error) {
	salt := make([]byte, 16)
	if _, err := io.ReadFull(random, salt); err != nil {
		return digest{}, err
	}
	return digest{salt, hash(salt, data)}, nil
}

func hash(salt, data []byte) []byte {
	both := sha256.Sum256(slices.Concat(salt, data)) // all salts are of one length
	if known, ok := hashes.Load(both); ok {
		return known.([]byte) //nolint:forcetypeassert // hashes has nothing else
	}
	made := argon2.IDKey(data, salt, digestPasses, digestMemory, digestThreads, digestLength)
	hashes.Store(both, made)
	return made
}

// hashes has every hash that this process made, by the SHA-256 of what it is of:
// a plan asks for the same one after reading a secret and after the configuration.
var hashes sync.Map //nolint:gochecknoglobals // what it tells depends on nothing else

// matches tells whether data is what the digest was made of.
func (d digest) matches(data []byte) bool {
	return len(d.Hash) > 0 && subtle.ConstantTimeCompare(d.Hash, hash(d.Salt, data)) == 1
}

// keepDigest puts the digest of what the control plane has into a private state.
func keepDigest(ctx context.Context, private tfkit.PrivateWriter, random io.Reader, data []byte, diags *diag.Diagnostics) {
	d, err := newDigest(random, data)
	if err != nil {
		tfkit.AddNoRandom(diags, err)
		return
	}
	tfkit.KeepPrivate(ctx, private, privateDigest, d, diags)
}
