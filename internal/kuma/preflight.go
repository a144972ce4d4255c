package kuma

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"
)

// Types of resources that the provider writes, as `/_resources` names them.
const (
	MeshType         = "Mesh"
	SecretType       = "Secret"
	GlobalSecretType = "GlobalSecret"
)

// ReadOnlyError is a control plane that reports that it accepts no writes.
type ReadOnlyError struct {
	Address string
	Origins Origins
	// Environment is "kubernetes" or "universal", "" if the control plane does not tell.
	Environment string
	// Global is the address that a zone has of its global control plane, for
	// traffic between the two. It is empty where there is none.
	Global string
}

func (e *ReadOnlyError) Error() string {
	return "the control plane at " + e.Address + " is read-only"
}

// NoMeshMTLSError is a control plane whose meshes have no mTLS backends.
type NoMeshMTLSError struct {
	Address, Version string
}

func (e *NoMeshMTLSError) Error() string {
	return "meshes of the control plane at " + e.Address + " have no mTLS backends"
}

// CheckWrites asks, without a write, whether the control plane takes writes of a
// type of resource. The error is a *[ReadOnlyError], or the *[Error] for a caller
// that the control plane does not know. It is nil where the control plane takes
// them, does not tell, or does not answer: the write itself tells then.
func (c *Client) CheckWrites(ctx context.Context, kind string) error {
	kinds, err := c.peek(ctx, "_resources", nil)
	if err != nil {
		return ifUnauthenticated(err)
	}
	if is := typesOf(kinds); is[kind].ReadOnly == nil || !*is[kind].ReadOnly {
		return nil
	}
	refusal := &ReadOnlyError{Address: c.Address(), Origins: c.config.Origins}
	if config, err := c.peek(ctx, "config", nil); err == nil {
		refusal.Environment, refusal.Global = placeOf(config)
		c.quoteAll([]quotation{{&refusal.Environment, longestName}, {&refusal.Global, longestName}})
	}
	return refusal
}

// placeOf is the environment of a control plane, and the address of its global one.
func placeOf(config *Document) (environment, global string) {
	var zone struct {
		Zone struct {
			GlobalAddress string `json:"globalAddress"`
		} `json:"zone"`
	}
	_, _ = config.Decode("environment", &environment), config.Decode("multizone", &zone) // of another kind they say nothing
	return environment, zone.Zone.GlobalAddress
}

// CheckMeshMTLS asks whether meshes have mTLS backends. The error is a
// *[NoMeshMTLSError]. It is nil where the control plane does not tell.
func (c *Client) CheckMeshMTLS(ctx context.Context) error {
	kinds, err := c.peek(ctx, "_resources", nil)
	if err != nil {
		return nil
	}
	if mtls, _ := capabilities(kinds); mtls == nil || *mtls {
		return nil
	}
	about := c.about(ctx)
	if strings.HasPrefix(about.Version, "2.") {
		return nil // the types of resources are a sign, and the version a better one
	}
	return &NoMeshMTLSError{Address: c.Address(), Version: c.quote(about.Version, longestName)}
}

// OneBackend tells whether a mesh can have no more than one mTLS backend, which
// is so in Kuma, and not in other products (recording "two backends").
func (c *Client) OneBackend(ctx context.Context) bool {
	return c.about(ctx).Product == "Kuma"
}

// about is what the control plane says of itself, empty where it does not.
func (c *Client) about(ctx context.Context) (is ControlPlane) {
	if document, err := c.peek(ctx, index, nil); err == nil {
		_, _ = document.Decode("product", &is.Product), document.Decode("version", &is.Version) // likewise
	}
	return is
}

// CheckSecretWrites asks whether the caller may write secrets of a mesh, "" for
// one whose name is not known. The error is the *[Error] of the control plane. It
// is nil where the control plane allows it, or does not tell.
//
// Kuma has one check for reading and writing what administrators alone may, so
// that a list tells of writes as well (Kuma 2.14.3, pkg/core/resources/access).
func (c *Client) CheckSecretWrites(ctx context.Context, mesh string) error {
	const all = "secrets" // of all meshes, so that one request does for a run
	_, err := c.peek(ctx, all, nothing())
	if !Forbidden(err) {
		return ifUnauthenticated(err)
	}
	if mesh != "" { // roles of Kong Mesh can be for some meshes
		_, own := c.peek(ctx, secretsKey(mesh).path, nothing())
		if own == nil || Forbidden(own) {
			return own
		}
	}
	if c.about(ctx).Product == "Kuma" { // which has no roles for a mesh that is still to be made
		return err
	}
	return nil
}

// CheckGlobalSecretWrites is [Client.CheckSecretWrites] for global secrets.
func (c *Client) CheckGlobalSecretWrites(ctx context.Context) error {
	if _, err := c.peek(ctx, globalSecretsPath, nothing()); Forbidden(err) {
		return err
	}
	return nil
}

// nothing asks for the part of a list whose names have a character in them that
// no name has, so that no secret is read.
func nothing() url.Values { return url.Values{"name": {"_"}, "size": {"1"}} }

// A look is the outcome of a request. To have failed is one.
type look struct {
	document *Document
	err      error
}

const (
	// peekTime is how long a look ahead may take: a plan goes on without it.
	peekTime = 5 * time.Second
	// peeked is for as long as a client lives: what is asked does not change in a run.
	peeked = Freshness(24 * time.Hour)
)

// peek reads what does not change during a run, once and without a retry.
func (c *Client) peek(ctx context.Context, path string, query url.Values) (*Document, error) {
	seen, err := share(ctx, c, "peek/"+path, peeked, func() (look, error) {
		ctx, cancel := c.config.Clock.WithTimeout(ctx, peekTime)
		defer cancel()
		document, err := c.getUpTo(ctx, path, query, 0)
		return look{document, err}, nil
	})
	if err != nil {
		return nil, err
	}
	return seen.document, seen.err
}

// ifUnauthenticated is err if the control plane does not know the caller.
func ifUnauthenticated(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Unauthenticated() && !e.Foreign() {
		return err
	}
	return nil
}
