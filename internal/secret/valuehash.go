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

// privateHash is the key in the private state of the hash of the last
// written value. A change of the algorithm needs another key.
const privateHash = "argon2id"

// Parameters of the hash: 7 MiB and five passes. Among the equivalent choices
// for Argon2id in OWASP's password storage cheat sheet, this one takes the
// least memory, because Terraform computes ten at once. One takes about 30 ms.
const (
	hashPasses  = 5
	hashMemory  = 7 << 10 // KiB
	hashThreads = 1
	hashLength  = 32
)

// A saltedHash recognizes a value without revealing it. The private state is part
// of the state file, and a value may be easy to guess, so the hash is salted
// and slow.
type saltedHash struct {
	Salt []byte `json:"salt"`
	Hash []byte `json:"hash"`
}

func newSaltedHash(random io.Reader, data []byte) (saltedHash, error) {
	salt := make([]byte, 16)
	if _, err := io.ReadFull(random, salt); err != nil {
		return saltedHash{}, err
	}
	return saltedHash{salt, hash(salt, data)}, nil
}

func hash(salt, data []byte) []byte {
	both := sha256.Sum256(slices.Concat(salt, data)) // all salts have the same length
	if known, ok := hashes.Load(both); ok {
		return known.([]byte) //nolint:forcetypeassert // hashes has nothing else
	}
	made := argon2.IDKey(data, salt, hashPasses, hashMemory, hashThreads, hashLength)
	hashes.Store(both, made)
	return made
}

// hashes caches every hash of this process by the SHA-256 of its input: a plan
// needs the same one after it reads the secret and the configuration.
var hashes sync.Map //nolint:gochecknoglobals // what it tells depends on nothing else

// matches reports whether the hash is that of data.
func (h saltedHash) matches(data []byte) bool {
	return len(h.Hash) > 0 && subtle.ConstantTimeCompare(h.Hash, hash(h.Salt, data)) == 1
}

// keepHash stores the hash of the control plane's value in a private state.
func keepHash(ctx context.Context, private tfkit.PrivateWriter, random io.Reader, data []byte, diags *diag.Diagnostics) {
	h, err := newSaltedHash(random, data)
	if err != nil {
		tfkit.AddNoRandom(diags, err)
		return
	}
	tfkit.KeepPrivate(ctx, private, privateHash, h, diags)
}
