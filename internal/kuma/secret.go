package kuma

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
)

// MaxSecretData is how many bytes a secret may hold: more would be written, and
// not be read again. The control plane itself has no limit.
const MaxSecretData = maxBody/4*3 - 64<<10 // as base64, with room for the document around it

// Secret is a secret of a mesh, or a global one.
type Secret struct {
	*Document
}

// Data is what the secret holds.
func (s *Secret) Data() ([]byte, error) {
	var data []byte // encoding/json reads base64
	err := s.Decode("data", &data)
	return data, err
}

const globalSecretsPath = "global-secrets" // in all versions

func secretPath(mesh, name string) string {
	return meshPath(mesh) + "/secrets/" + url.PathEscape(name)
}

func globalSecretPath(name string) string {
	return globalSecretsPath + "/" + url.PathEscape(name)
}

// Secret reads a secret. The error is [Absent] when the secret or its mesh is
// not there.
func (c *Client) Secret(ctx context.Context, mesh, name string) (*Secret, error) {
	return c.secret(ctx, secretPath(mesh, name), SecretType)
}

// GlobalSecret reads a secret that belongs to no mesh. The error is [Absent]
// when it is not there.
func (c *Client) GlobalSecret(ctx context.Context, name string) (*Secret, error) {
	return c.secret(ctx, globalSecretPath(name), GlobalSecretType)
}

func (c *Client) secret(ctx context.Context, path, kind string) (*Secret, error) {
	document, _, err := c.getTyped(ctx, path, kind)
	if err != nil {
		return nil, err
	}
	return &Secret{Document: document}, nil
}

// PutSecret creates a secret or replaces what it holds. previous is the secret
// as it is now, nil when there is none: its labels and all else it has stay.
func (c *Client) PutSecret(ctx context.Context, mesh, name string, data []byte, previous *Secret) error {
	return c.putSecret(ctx, secretPath(mesh, name), data, previous, [][2]string{{"type", SecretType}, {"mesh", mesh}, {"name", name}})
}

// PutGlobalSecret is [Client.PutSecret] for a secret that belongs to no mesh.
func (c *Client) PutGlobalSecret(ctx context.Context, name string, data []byte, previous *Secret) error {
	return c.putSecret(ctx, globalSecretPath(name), data, previous, [][2]string{{"type", GlobalSecretType}, {"name", name}})
}

func (c *Client) putSecret(ctx context.Context, path string, data []byte, previous *Secret, meta [][2]string) error {
	document := NewDocument()
	if previous != nil {
		document = previous.Clone()
	}
	for _, member := range meta {
		document.Set(member[0], text(member[1]))
	}
	encoded, err := json.Marshal(data)
	if err != nil {
		return err
	}
	document.Set("data", encoded)
	if err := c.put(ctx, path, document); err != nil {
		return err
	}
	c.shared.keep(path, &Secret{Document: document}, c.config.Clock.Now())
	return nil
}

// DeleteSecret removes a secret. That it, or its mesh, is not there is success.
func (c *Client) DeleteSecret(ctx context.Context, mesh, name string) error {
	return c.delete(ctx, secretPath(mesh, name))
}

// DeleteGlobalSecret removes a secret that belongs to no mesh. That it is not
// there is success.
func (c *Client) DeleteGlobalSecret(ctx context.Context, name string) error {
	return c.delete(ctx, globalSecretPath(name))
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
	path := meshPath(mesh) + "/secrets"
	return share(ctx, c, path, age, func() ([]*Secret, error) { return c.secrets(ctx, path) })
}

// GlobalSecrets lists the secrets that belong to no mesh.
func (c *Client) GlobalSecrets(ctx context.Context) ([]*Secret, error) {
	return c.secrets(ctx, globalSecretsPath)
}

func (c *Client) secrets(ctx context.Context, path string) ([]*Secret, error) {
	return listOf(ctx, c, path, func(item json.RawMessage) (*Secret, error) {
		document, err := ParseDocument(item)
		return &Secret{Document: document}, err
	})
}

// NamedSecrets reads some secrets of a mesh, in one request where they are all
// there, or in none where this client itself has written them recently enough.
// What is not there, for lack of the mesh as well, is not in the result.
func (c *Client) NamedSecrets(ctx context.Context, mesh string, age Freshness, names ...string) (map[string]*Secret, error) {
	found := map[string]*Secret{}
	now := c.config.Clock.Now()
	for _, name := range names {
		if secret, known := kept[*Secret](c, secretPath(mesh, name), age, now); known {
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
