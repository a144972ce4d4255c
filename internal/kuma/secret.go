package kuma

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
)

// Secret is a secret of a mesh.
type Secret struct {
	*Document
}

// Data is what the secret holds.
func (s *Secret) Data() ([]byte, error) {
	var data []byte // encoding/json reads base64
	err := s.Decode("data", &data)
	return data, err
}

func secretPath(mesh, name string) string {
	return meshPath(mesh) + "/secrets/" + url.PathEscape(name)
}

// Secret reads a secret. The error is [Absent] when the secret or its mesh is
// not there.
func (c *Client) Secret(ctx context.Context, mesh, name string) (*Secret, error) {
	document, _, err := c.getTyped(ctx, secretPath(mesh, name), "Secret")
	if err != nil {
		return nil, err
	}
	return &Secret{Document: document}, nil
}

// PutSecret creates a secret or replaces what it holds. previous is the secret
// as it is now, nil when there is none: its labels and all else it has stay.
func (c *Client) PutSecret(ctx context.Context, mesh, name string, data []byte, previous *Secret) error {
	document := NewDocument()
	if previous != nil {
		document = previous.Clone()
	}
	document.Set("type", text("Secret"))
	document.Set("mesh", text(mesh))
	document.Set("name", text(name))
	encoded, err := json.Marshal(data)
	if err != nil {
		return err
	}
	document.Set("data", encoded)
	return c.put(ctx, secretPath(mesh, name), document)
}

// DeleteSecret removes a secret. That it, or its mesh, is not there is success.
func (c *Client) DeleteSecret(ctx context.Context, mesh, name string) error {
	return c.delete(ctx, secretPath(mesh, name))
}

// text is a string as JSON.
func text(s string) json.RawMessage {
	encoded, _ := json.Marshal(s) // a string always marshals
	return encoded
}

// Name is the secret's name.
func (s *Secret) Name() (string, error) {
	var name string
	err := s.Decode("name", &name)
	return name, err
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
	return share(ctx, c, path, age, func() ([]*Secret, error) {
		items, err := c.list(ctx, path)
		if err != nil {
			return nil, err
		}
		secrets := make([]*Secret, 0, len(items))
		for _, item := range items {
			document, err := ParseDocument(item)
			if err != nil {
				return nil, err
			}
			secrets = append(secrets, &Secret{Document: document})
		}
		return secrets, nil
	})
}

// NamedSecrets reads some secrets of a mesh, in one request. What is not there,
// for lack of the mesh as well, is not in the result.
func (c *Client) NamedSecrets(ctx context.Context, mesh string, age Freshness, names ...string) (map[string]*Secret, error) {
	found := map[string]*Secret{}
	all, err := c.SecretsAsOf(ctx, mesh, age)
	if refusal := (*Error)(nil); errors.As(err, &refusal) && refusal.Forbidden() {
		return found, c.eachSecret(ctx, mesh, names, found) // to list may need more than to read
	}
	if err != nil && !Absent(err) {
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
	return found, nil
}

func (c *Client) eachSecret(ctx context.Context, mesh string, names []string, found map[string]*Secret) error {
	for _, name := range names {
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
