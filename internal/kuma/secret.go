package kuma

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// MaxSecretData is how many bytes a secret may hold: more would be written, and
// not be read again. The control plane itself has no limit.
const MaxSecretData = maxBody/4*3 - 64<<10 // as base64, with room for the document around it

// Secret is a secret of a mesh, or a global one.
type Secret struct {
	*Document

	holders holderChange
}

// document is nil for no secret.
func (s *Secret) document() *Document {
	if s == nil {
		return nil
	}
	return s.Document
}

// Data is what the secret holds.
func (s *Secret) Data() ([]byte, error) {
	var data []byte // encoding/json reads base64
	err := s.Decode("data", &data)
	return data, err
}

const globalSecretsPath = "global-secrets" // in all versions

// Secret reads a secret. The error is [Absent] when the secret or its mesh is
// not there.
func (c *Client) Secret(ctx context.Context, mesh, name string) (*Secret, error) {
	return c.secret(ctx, secretKey(mesh, name))
}

// GlobalSecret reads a secret that belongs to no mesh. The error is [Absent]
// when it is not there.
func (c *Client) GlobalSecret(ctx context.Context, name string) (*Secret, error) {
	return c.secret(ctx, globalSecretKey(name))
}

func (c *Client) secret(ctx context.Context, of key) (*Secret, error) {
	document, err := c.store.get(ctx, of)
	if err != nil {
		return nil, err
	}
	return &Secret{Document: document}, nil
}

// PutSecret creates a secret or replaces what it holds. previous is the secret
// as it is now, nil when there is none: its labels and all else it has stay.
// A secret that another client writes at the same moment is read again and
// written again. One that another client creates, although previous is nil or
// comes from [Secret.WithHolders] of nil, keeps its content: if that differs from
// data, the error is the control plane's, see [Error.Conflict].
func (c *Client) PutSecret(ctx context.Context, mesh, name string, data []byte, previous *Secret) error {
	return c.putSecret(ctx, secretKey(mesh, name), data, previous)
}

// PutGlobalSecret is [Client.PutSecret] for a secret that belongs to no mesh.
func (c *Client) PutGlobalSecret(ctx context.Context, name string, data []byte, previous *Secret) error {
	return c.putSecret(ctx, globalSecretKey(name), data, previous)
}

func (c *Client) putSecret(ctx context.Context, of key, data []byte, previous *Secret) error {
	encoded, err := json.Marshal(data)
	if err != nil {
		return err
	}
	course := c.attempts()
	for try := 0; ; try++ {
		document := of.document(previous.document())
		document.Set("data", encoded)
		written, failure := c.put(ctx, of, document, course, c.config.MaxRetries)
		if failure == nil {
			c.shared.keep(of.path, &Secret{Document: written}, c.config.Clock.Now())
			return nil
		}
		if !conflict(failure) || try == c.config.MaxRetries {
			return failure
		}
		if err := c.pause(ctx, request{method: http.MethodPut, path: of.path}, course); err != nil {
			return err
		}
		now, err := c.secret(ctx, of)
		if err != nil && !Absent(err) {
			return failure
		}
		same := err == nil && bytes.Equal(now.Get("data"), encoded)
		if err == nil && !same && previous.isNew() {
			return failure
		}
		if previous, err = previous.rebase(now); err != nil {
			return failure
		}
		if same && bytes.Equal(previous.Bytes(), now.Bytes()) {
			return nil // the work of an attempt whose answer was lost, or of another client
		}
	}
}

// DeleteSecret removes a secret. That it, or its mesh, is not there is success.
func (c *Client) DeleteSecret(ctx context.Context, mesh, name string) error {
	return c.delete(ctx, secretKey(mesh, name))
}

// OrphanedError is a secret that was not deleted because its mesh is not there any
// more. The control plane keeps such a secret, and a new mesh of that name has it
// (measured on 2.7.29, 2.14.3 and 3.0).
type OrphanedError struct{ Mesh string }

func (e *OrphanedError) Error() string {
	return fmt.Sprintf("mesh %q was deleted before its secret", e.Mesh)
}

// DeleteOwnSecret is [Client.DeleteSecret] for a secret that was there: where its
// mesh was deleted before it, the error is an *[OrphanedError].
func (c *Client) DeleteOwnSecret(ctx context.Context, mesh, name string) error {
	err := c.remove(ctx, secretKey(mesh, name))
	if !Absent(err) {
		return err
	}
	if _, err := c.MeshAsOf(ctx, mesh, anew); Absent(err) {
		return &OrphanedError{Mesh: mesh}
	}
	return nil // that the mesh cannot be read says nothing about the secret
}

// DeleteGlobalSecret removes a secret that belongs to no mesh. That it is not
// there is success.
func (c *Client) DeleteGlobalSecret(ctx context.Context, name string) error {
	return c.delete(ctx, globalSecretKey(name))
}

// text is a string as JSON.
func text(s string) json.RawMessage {
	encoded, _ := json.Marshal(s) // a string always marshals
	return encoded
}

// Secrets lists the secrets of a mesh, all pages of them. The error is
// [Absent] when the mesh is not there. The result is shared: it must not be
// changed.
func (c *Client) Secrets(ctx context.Context, mesh string) ([]*Secret, error) {
	return c.SecretsAsOf(ctx, mesh, Fresh)
}

// SecretsAsOf is [Client.Secrets] with an answer that may be older.
func (c *Client) SecretsAsOf(ctx context.Context, mesh string, age Freshness) ([]*Secret, error) {
	of := secretsKey(mesh)
	return share(ctx, c, of.path, age, func() ([]*Secret, error) { return c.secrets(ctx, of) })
}

// GlobalSecrets lists the secrets that belong to no mesh.
func (c *Client) GlobalSecrets(ctx context.Context) ([]*Secret, error) {
	return c.secrets(ctx, globalSecretsKey())
}

func (c *Client) secrets(ctx context.Context, of key) ([]*Secret, error) {
	return list(ctx, c, of, func(document *Document) *Secret { return &Secret{Document: document} })
}

// NamedSecrets reads some secrets of a mesh, in one request where they are all
// there, or in none where this client itself has written them recently enough.
// What is not there, for lack of the mesh as well, is not in the result.
func (c *Client) NamedSecrets(ctx context.Context, mesh string, age Freshness, names ...string) (map[string]*Secret, error) {
	found := map[string]*Secret{}
	now := c.config.Clock.Now()
	for _, name := range names {
		if secret, known := kept[*Secret](c, secretKey(mesh, name).path, age, now); known {
			found[name] = secret
		}
	}
	if len(found) == len(names) {
		return found, nil
	}
	all, err := c.SecretsAsOf(ctx, mesh, age)
	refusal := (*Error)(nil)
	forbidden := errors.As(err, &refusal) && refusal.Forbidden()
	if err != nil && !Absent(err) && !forbidden {
		return nil, err
	}
	for _, secret := range all {
		name, err := secret.Name()
		if err != nil {
			return nil, err
		}
		if slices.Contains(names, name) {
			found[name] = secret
		}
	}
	// To list may need more than to read. And what a refresh does not find is
	// forgotten, which takes more than the word of a list.
	if forbidden || err == nil && age == Recent {
		return found, c.eachSecret(ctx, mesh, names, found)
	}
	return found, nil
}

// eachSecret reads those that are not found yet.
func (c *Client) eachSecret(ctx context.Context, mesh string, names []string, found map[string]*Secret) error {
	for _, name := range names {
		if found[name] != nil {
			continue
		}
		secret, err := c.Secret(ctx, mesh, name)
		switch {
		case err == nil:
			found[name] = secret
		case !Absent(err):
			return err
		}
	}
	return nil
}

// SecretsByName returns secrets by their names.
func SecretsByName(secrets []*Secret) (map[string]*Secret, error) {
	all := make(map[string]*Secret, len(secrets))
	for _, secret := range secrets {
		name, err := secret.Name()
		if err != nil {
			return nil, err
		}
		all[name] = secret
	}
	return all, nil
}
