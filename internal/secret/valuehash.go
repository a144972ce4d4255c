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

// A Hasher makes salted hashes, and remembers them: a plan needs the same one
// after it reads the secret and the configuration. It is safe for concurrent use.
type Hasher struct {
	Random io.Reader // for salts
	made   sync.Map  // hashes by the SHA-256 of their input
}

// salted returns the hash of a value with a new salt.
func (h *Hasher) salted(data []byte) (saltedHash, error) {
	salt := make([]byte, 16)
	if _, err := io.ReadFull(h.Random, salt); err != nil {
		return saltedHash{}, err
	}
	return saltedHash{salt, h.hash(salt, data)}, nil
}

func (h *Hasher) hash(salt, data []byte) []byte {
	both := sha256.Sum256(slices.Concat(salt, data)) // all salts have the same length
	if known, ok := h.made.Load(both); ok {
		return known.([]byte) //nolint:forcetypeassert // it has nothing else
	}
	hash := argon2.IDKey(data, salt, hashPasses, hashMemory, hashThreads, hashLength)
	h.made.Store(both, hash)
	return hash
}

// matches reports whether a hash is that of data.
func (h *Hasher) matches(is saltedHash, data []byte) bool {
	return len(is.Hash) > 0 && subtle.ConstantTimeCompare(is.Hash, h.hash(is.Salt, data)) == 1
}

// keep stores the hash of the control plane's value in a private state.
func (h *Hasher) keep(ctx context.Context, private tfkit.PrivateWriter, data []byte, diags *diag.Diagnostics) {
	hash, err := h.salted(data)
	if err != nil {
		tfkit.AddNoRandom(diags, err)
		return
	}
	tfkit.KeepPrivate(ctx, private, privateHash, hash, diags)
}
