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

// privateDigest is the key in the private state of the digest of the last
// written value. A change of the algorithm needs another key.
const privateDigest = "argon2id"

// Parameters of the digest: 7 MiB and five passes. Among the equivalent choices
// for Argon2id in OWASP's password storage cheat sheet, this one takes the
// least memory, because Terraform computes ten at once. One takes about 30 ms.
const (
	digestPasses  = 5
	digestMemory  = 7 << 10 // KiB
	digestThreads = 1
	digestLength  = 32
)

// A digest recognizes a value without revealing it. The private state is part
// of the state file, and a value may be easy to guess, so the digest is salted
// and slow.
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
	both := sha256.Sum256(slices.Concat(salt, data)) // all salts have the same length
	if known, ok := hashes.Load(both); ok {
		return known.([]byte) //nolint:forcetypeassert // hashes has nothing else
	}
	made := argon2.IDKey(data, salt, digestPasses, digestMemory, digestThreads, digestLength)
	hashes.Store(both, made)
	return made
}

// hashes caches every hash of this process by the SHA-256 of its input: a plan
// needs the same one after it reads the secret and the configuration.
var hashes sync.Map //nolint:gochecknoglobals // what it tells depends on nothing else

// matches reports whether the digest is that of data.
func (d digest) matches(data []byte) bool {
	return len(d.Hash) > 0 && subtle.ConstantTimeCompare(d.Hash, hash(d.Salt, data)) == 1
}

// keepDigest stores the digest of the control plane's value in a private state.
func keepDigest(ctx context.Context, private tfkit.PrivateWriter, random io.Reader, data []byte, diags *diag.Diagnostics) {
	d, err := newDigest(random, data)
	if err != nil {
		tfkit.AddNoRandom(diags, err)
		return
	}
	tfkit.KeepPrivate(ctx, private, privateDigest, d, diags)
}
