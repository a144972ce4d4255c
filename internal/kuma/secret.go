package kuma

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// MaxSecretData is the maximum number of bytes in a secret: the client could
// write more, but not read it again. The control plane itself has no limit.
const MaxSecretData = maxBody/4*3 - 64<<10 // as base64, with room for the document around it

// Secret is a secret of a mesh, or a global one.
type Secret struct {
	*Document

	holders holderChange
}

// document returns the document, or nil without a secret.
func (s *Secret) document() *Document {
	if s == nil {
		return nil
	}
	return s.Document
}

// Data returns the content of the secret.
func (s *Secret) Data() ([]byte, error) {
	var data []byte                     // encoding/json decodes base64
	if s.Decode("data", &data) != nil { // its error may quote a part of a key
		return nil, errors.New("its data is not base64")
	}
	return data, nil
}

const globalSecretsPath = "global-secrets" // in all versions

// Secret reads a secret. The error is [Absent] if the secret or its mesh does
// not exist.
func (c *Client) Secret(ctx context.Context, mesh, name string) (*Secret, error) {
	return c.secret(ctx, secretKey(mesh, name))
}

// GlobalSecret reads a global secret. The error is [Absent] if it does not
// exist.
func (c *Client) GlobalSecret(ctx context.Context, name string) (*Secret, error) {
	return c.secret(ctx, globalSecretKey(name))
}

func (c *Client) secret(ctx context.Context, of key) (*Secret, error) {
	document, err := c.store.get(ctx, of, Fresh)
	if err != nil {
		return nil, err
	}
	return &Secret{Document: document}, nil
}

// PutSecret creates a secret or replaces its content. previous is the current
// secret, or nil if there is none: its labels and other members stay. If
// another client writes the secret at the same time, PutSecret reads it and
// writes again. If another client creates it, although previous is nil or comes
// from [Secret.WithHolders] of nil, it keeps its content: if that differs from
// data, the error is the control plane's, see [Error.Conflict].
func (c *Client) PutSecret(ctx context.Context, mesh, name string, data []byte, previous *Secret) error {
	return c.putSecret(ctx, secretKey(mesh, name), data, previous)
}

// PutGlobalSecret is [Client.PutSecret] for a global secret.
func (c *Client) PutGlobalSecret(ctx context.Context, name string, data []byte, previous *Secret) error {
	return c.putSecret(ctx, globalSecretKey(name), data, previous)
}

func (c *Client) putSecret(ctx context.Context, of key, data []byte, previous *Secret) error {
	encoded, err := json.Marshal(data)
	if err != nil {
		return err
	}
	history := c.attempts()
	for try := 0; ; try++ {
		document := of.document(previous.document())
		document.Set("data", encoded)
		written, failure := c.put(ctx, of, document, history, c.config.MaxRetries)
		if failure == nil {
			c.shared.keep(of.path, &Secret{Document: written}, c.config.Clock.Now())
			return nil
		}
		if !conflict(failure) || try == c.config.MaxRetries {
			return failure
		}
		if err := c.pause(ctx, request{method: http.MethodPut, path: of.path}, history); err != nil {
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
			return nil // the result of an attempt whose answer was lost, or of another client
		}
	}
}

// DeleteSecret deletes a secret. It succeeds if the secret or its mesh does not
// exist.
func (c *Client) DeleteSecret(ctx context.Context, mesh, name string) error {
	return c.delete(ctx, secretKey(mesh, name))
}

// OrphanedError reports a secret that was not deleted because its mesh does not
// exist any more. The control plane keeps such a secret, and a new mesh with
// that name contains it (measured on 2.7.29, 2.14.3 and 3.0).
type OrphanedError struct{ Mesh string }

func (e *OrphanedError) Error() string {
	return fmt.Sprintf("mesh %q was deleted before its secret", e.Mesh)
}

// DeleteOwnSecret is [Client.DeleteSecret] for a secret that existed: if its
// mesh was deleted first, the error is an *[OrphanedError]. mayDelete, if it is not
// nil, gets each version of the secret that the provider reads in the meantime: its
// error ends the deletion.
func (c *Client) DeleteOwnSecret(ctx context.Context, mesh, name string, mayDelete func(*Secret) error) error {
	var check func(*Document) error
	if mayDelete != nil {
		check = func(document *Document) error { return mayDelete(&Secret{Document: document}) }
	}
	err := c.remove(ctx, secretKey(mesh, name), check)
	if !Absent(err) {
		return err
	}
	if _, err := c.MeshAsOf(ctx, mesh, anew); Absent(err) {
		return &OrphanedError{Mesh: mesh}
	}
	return nil // a failed read of the mesh says nothing about the secret
}

// DeleteGlobalSecret deletes a global secret. It succeeds if the secret does
// not exist.
func (c *Client) DeleteGlobalSecret(ctx context.Context, name string) error {
	return c.delete(ctx, globalSecretKey(name))
}

// text returns a string as JSON.
func text(s string) json.RawMessage {
	encoded, _ := json.Marshal(s) // a string always marshals
	return encoded
}

// Secrets returns all secrets of a mesh by name. The error is [Absent] if the
// mesh does not exist. The result is shared: do not change it.
func (c *Client) Secrets(ctx context.Context, mesh string) (map[string]*Secret, error) {
	return c.SecretsAsOf(ctx, mesh, Fresh)
}

// SecretsAsOf is [Client.Secrets] with an answer that may be older.
func (c *Client) SecretsAsOf(ctx context.Context, mesh string, age MaxAge) (map[string]*Secret, error) {
	of := secretsKey(mesh)
	return share(ctx, c, of.path, age, func() (map[string]*Secret, error) { return c.secrets(ctx, of, age) })
}

// GlobalSecrets returns all global secrets by name.
func (c *Client) GlobalSecrets(ctx context.Context) (map[string]*Secret, error) {
	return c.secrets(ctx, globalSecretsKey(), Fresh)
}

func (c *Client) secrets(ctx context.Context, of key, age MaxAge) (map[string]*Secret, error) {
	documents, err := c.store.list(ctx, of, age)
	if err != nil {
		return nil, err
	}
	all := make(map[string]*Secret, len(documents))
	for _, document := range documents {
		name, err := document.Name()
		if err != nil {
			return nil, err
		}
		all[name] = &Secret{Document: document}
	}
	return all, nil
}

// SecretsByName reads some secrets of a mesh: with one request if all of them
// exist, and with none if this client has written them recently enough. The
// result does not contain secrets that do not exist, or whose mesh does not
// exist.
func (c *Client) SecretsByName(ctx context.Context, mesh string, age MaxAge, names ...string) (map[string]*Secret, error) {
	found := map[string]*Secret{}
	now := c.config.Clock.Now()
	for _, name := range names {
		if secret, known := stored[*Secret](c, secretKey(mesh, name).path, age, now); known {
			found[name] = secret
		}
	}
	if len(found) == len(names) {
		return found, nil
	}
	all, err := c.SecretsAsOf(ctx, mesh, age)
	forbidden := Forbidden(err)
	if err != nil && !Absent(err) && !forbidden {
		return nil, err
	}
	for _, name := range names {
		if secret := all[name]; secret != nil {
			found[name] = secret
		}
	}
	// A list may require more permissions than a read. And a refresh removes an
	// absent secret from the state, which requires more than its absence from a
	// list.
	if forbidden || err == nil && age == Recent {
		return found, c.eachSecret(ctx, mesh, names, found)
	}
	return found, nil
}

// eachSecret reads the secrets that are not in found yet.
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
