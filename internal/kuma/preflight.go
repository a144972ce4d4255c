package kuma

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Types of resources that the provider writes, with the names in `/_resources`.
const (
	MeshType         = "Mesh"
	SecretType       = "Secret"
	GlobalSecretType = "GlobalSecret"
)

// ReadOnlyError reports a control plane that accepts no writes.
type ReadOnlyError struct {
	Address string
	Origins Origins
	// Environment is "kubernetes" or "universal", or "" if that is unknown.
	Environment string
	// Global is the address of a zone's global control plane, for traffic
	// between the two, or "" if there is none.
	Global string
}

func (e *ReadOnlyError) Error() string {
	return "the control plane at " + e.Address + " is read-only"
}

// NoMeshMTLSError reports a control plane whose meshes have no mTLS backends.
type NoMeshMTLSError struct {
	Address, Version string
}

func (e *NoMeshMTLSError) Error() string {
	return "meshes of the control plane at " + e.Address + " have no mTLS backends"
}

// environmentKubernetes is the environment of a control plane that keeps its
// objects in Kubernetes.
const environmentKubernetes = "kubernetes"

// CheckWrites checks, without a write, whether the control plane accepts writes
// of a type of resource. The error is a *[ReadOnlyError], or the *[Error] for a
// user that the control plane does not know. It returns nil if writes are
// allowed or that is unknown: the write itself shows it then.
func (c *Client) CheckWrites(ctx context.Context, kind string) error {
	return c.store.checkWrites(ctx, kind)
}

func (s httpStore) checkWrites(ctx context.Context, kind string) error {
	c := s.Client
	types, err := c.peekTypes(ctx)
	if err != nil {
		return ifUnauthenticated(err)
	}
	if is, _ := typeNamed(types, kind); !is.ReadOnly {
		return nil
	}
	refusal := &ReadOnlyError{Address: c.Address(), Origins: c.config.Origins}
	if config, err := c.peek(ctx, "config", nil); err == nil {
		refusal.Environment, refusal.Global = placeOf(config)
		c.quoteAll([]quotation{{&refusal.Environment, longestName}, {&refusal.Global, longestName}})
	}
	return refusal
}

// placeOf returns the environment of a control plane, and the address of its
// global control plane.
func placeOf(config *Document) (environment, global string) {
	// Values of another type are ignored.
	_, _ = config.Decode("environment", &environment), config.DecodeAt(&global, "multizone", "zone", "globalAddress")
	return environment, global
}

// CheckMeshMTLS checks whether meshes have mTLS backends. The error is a
// *[NoMeshMTLSError]. It returns nil if that is unknown.
func (c *Client) CheckMeshMTLS(ctx context.Context) error {
	types, _ := c.peekTypes(ctx)
	if mtls, _ := capabilities(types); mtls == nil || *mtls {
		return nil
	}
	description := c.description(ctx)
	if strings.HasPrefix(description.Version, "2.") {
		return nil // the types of resources are an indication, and the version is a better one
	}
	return &NoMeshMTLSError{Address: c.Address(), Version: c.quote(description.Version, longestName)}
}

// OneBackend reports whether a mesh can have only one mTLS backend, as in Kuma,
// but not in other products (recording "two backends").
func (c *Client) OneBackend(ctx context.Context) bool {
	return c.description(ctx).Product == "Kuma"
}

// description returns the description of the control plane, or an empty one.
func (c *Client) description(ctx context.Context) (is ControlPlane) {
	if document, err := c.peek(ctx, index, nil); err == nil {
		_, _ = document.Decode("product", &is.Product), document.Decode("version", &is.Version) // values of another type are ignored
	}
	return is
}

// CheckSecretWrites checks whether the user may write secrets of a mesh, or of
// any mesh if the name is "" because it is unknown. The error is the *[Error]
// of the control plane. It returns nil if writes are allowed or that is
// unknown.
//
// Kuma has one check for reading and writing resources that only administrators
// may access, so reading a list shows whether writes are allowed (Kuma 2.14.3,
// pkg/core/resources/access).
func (c *Client) CheckSecretWrites(ctx context.Context, mesh string) error {
	return c.store.checkSecretWrites(ctx, secretsKey(mesh))
}

// CheckGlobalSecretWrites is [Client.CheckSecretWrites] for global secrets.
func (c *Client) CheckGlobalSecretWrites(ctx context.Context) error {
	return c.store.checkSecretWrites(ctx, globalSecretsKey())
}

func (s httpStore) checkSecretWrites(ctx context.Context, of key) error {
	c, mesh := s.Client, of.mesh
	if of.kind == GlobalSecretType {
		if _, err := c.peek(ctx, globalSecretsPath, nothing()); Forbidden(err) {
			return err
		}
		return nil
	}
	const all = "secrets" // of all meshes, so that one request is enough for a run
	_, err := c.peek(ctx, all, nothing())
	if !Forbidden(err) {
		return ifUnauthenticated(err)
	}
	if mesh != "" { // a role of Kong Mesh can be limited to some meshes
		_, own := c.peek(ctx, secretsKey(mesh).path, nothing())
		if own == nil || Forbidden(own) {
			return own
		}
	}
	if c.description(ctx).Product == "Kuma" { // it has no roles for a mesh that does not exist yet
		return err
	}
	return nil
}

// nothing returns the query for names with a character that no name has, so
// that the answer contains no secret.
func nothing() url.Values { return url.Values{"name": {"_"}, "size": {"1"}} }

// A peekResult is the result of a preflight read, which may be an error.
type peekResult[T any] struct {
	value T
	err   error
}

const (
	// peekTime is the timeout of a preflight read: a plan continues without it.
	peekTime = 5 * time.Second
	// peeked is longer than a client exists: the answers do not change during a
	// run.
	peeked = MaxAge(24 * time.Hour)
)

// peek reads a document that does not change during a run, once and without
// retries.
func (c *Client) peek(ctx context.Context, path string, query url.Values) (*Document, error) {
	return once(ctx, c, path, c.api, func(ctx context.Context) (*Document, error) { return c.getUpTo(ctx, path, query, 0) })
}

// errSlow is the error of a preflight read that reached [peekTime]. It is not
// context.DeadlineExceeded, which is for the caller's own timeout.
var errSlow = fmt.Errorf("there was no answer within %s", peekTime)

// once calls read once in a run, and returns its result to every caller. A result
// of a caller that was canceled does not count.
func once[T any](ctx context.Context, c *Client, name string, from *endpoint, read func(context.Context) (T, error)) (value T, err error) {
	seen, err := share(ctx, c, "peek/"+name, peeked, func() (seen peekResult[T], err error) {
		short, cancel := c.config.Clock.WithTimeout(ctx, peekTime)
		defer cancel()
		seen.value, seen.err = read(short)
		switch {
		case seen.err != nil && ctx.Err() != nil:
			return seen, ctx.Err()
		case seen.err != nil && short.Err() != nil:
			seen.err = c.connectionError(from, errSlow)
		}
		return seen, nil
	})
	if err != nil {
		return value, err
	}
	return seen.value, seen.err
}

// ifUnauthenticated returns err if the control plane does not know the user.
func ifUnauthenticated(err error) error {
	if answers(err, (*Error).Unauthenticated) {
		return err
	}
	return nil
}

// TryMesh asks the control plane, without a write, whether it accepts a change of
// a mesh, or a new mesh. The error is its rejection. It returns nil if only the
// write shows the answer, as over HTTP.
func (c *Client) TryMesh(ctx context.Context, name string, edit func(*Mesh) error) error {
	return c.store.tryPut(ctx, meshKey(name), func(document *Document) error { return edit(&Mesh{Document: document}) })
}

// TryDeleteMesh is [Client.TryMesh] for the deletion of a mesh.
func (c *Client) TryDeleteMesh(ctx context.Context, name string) error {
	return c.store.tryDelete(ctx, meshKey(name))
}

// TryObject is [Client.TryMesh] for an object of any type. If its mesh does not
// exist, only the write shows the answer.
func (c *Client) TryObject(ctx context.Context, of ObjectKey, edit func(*Document) error) error {
	return c.store.tryPut(ctx, of.key(), edit)
}

// TrySecret is [Client.TryMesh] for a secret of a mesh, or, if the name of the mesh is
// "", a global one. It sends so many bytes, and not the content of the secret.
func (c *Client) TrySecret(ctx context.Context, mesh, name string, size int) error {
	of := globalSecretKey(name)
	if mesh != "" {
		of = secretKey(mesh, name)
	}
	return c.store.tryPut(ctx, of, func(document *Document) error {
		content, err := json.Marshal(bytes.Repeat([]byte("x"), size))
		document.Set("data", content)
		return err
	})
}

func (s httpStore) tryPut(context.Context, key, func(*Document) error) error { return nil }
func (s httpStore) tryDelete(context.Context, key) error                     { return nil }
