package rotation

import (
	"context"
	"fmt"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
)

// An UnreadableError reports a secret whose content is not certificates, or not
// base64.
type UnreadableError struct{ Err error }

func (e *UnreadableError) Error() string { return e.Err.Error() }
func (e *UnreadableError) Unwrap() error { return e.Err }

// ReadCA reads the CA in two secrets of a mesh. The error is an
// *[UnreadableError] if they are not one.
func ReadCA(ctx context.Context, client *kuma.Client, mesh string, secrets rollout.CASecrets) (rollout.CA, error) {
	var texts [2][]byte
	for i, name := range []string{secrets.Certificate, secrets.Key} {
		secret, err := client.Secret(ctx, mesh, name)
		if err != nil {
			return rollout.CA{}, err
		}
		if texts[i], err = secret.Data(); err != nil { // not quoted: it may contain a part of the key
			return rollout.CA{}, &UnreadableError{fmt.Errorf("secret %q cannot be read", name)}
		}
	}
	bundle, problems := pki.ReadBundle(texts[0])
	if err := problems.Err(); err != nil {
		return rollout.CA{}, &UnreadableError{err}
	}
	return rollout.CA{Bundle: bundle, Key: texts[1]}, nil
}
