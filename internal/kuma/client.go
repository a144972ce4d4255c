package kuma

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"
)

// Config configures the connection to a control plane.
type Config struct {
	// Address is the URL of the API. Its path is a prefix of every request
	// path. It may be nil with Kubernetes: requests that need the API then return
	// a *[NoAddressError].
	Address *url.URL
	// Origins are the sources of the settings.
	Origins Origins
	// Token is sent as a bearer token if it is not empty. The client removes
	// surrounding white space, such as the newline at the end of a file.
	Token string
	// Headers are sent with every request.
	Headers map[string]string
	// TLS is for https addresses. nil means Go's default. The client never uses
	// versions before 1.2.
	TLS *tls.Config
	// RequestTimeout limits each attempt, including its answer. 0 means no
	// limit.
	RequestTimeout time.Duration
	// MaxRetries is the maximum number of retries after the first attempt.
	MaxRetries int
	// RetryWait is the pause before the first retry; it doubles with each. 0
	// means 250 ms.
	RetryWait time.Duration
	// UserAgent is sent with every request.
	UserAgent string
	// Clock returns the time and waits. nil means the system's clock.
	Clock Clock
	// Kubernetes is the cluster in which the control plane keeps its objects. nil
	// means that they are written with the API of the control plane.
	Kubernetes *Kubernetes
	// Log gets one entry for each request and retry: method, path, status,
	// attempt, time. It never gets a header or a body. nil means no log.
	Log func(ctx context.Context, message string, fields map[string]any)
}

// Origins name the sources of settings in error messages, such as `argument
// address`. The origin of a missing setting is empty.
type Origins struct {
	Address, Token, Headers, CA, ClientCert string
}

// Client sends requests to one control plane. It is safe for concurrent use.
type Client struct {
	config Config
	api    *endpoint // the control plane
	store  store
	sent   sentSecrets
	own    ownWrites
	warned warned

	shared   shared
	usages   usages
	locks    sync.Map // path → chan struct{}: serializes the writes of one object
	settings atomic.Pointer[Settings]
}

// New returns a client. It sends no request.
func New(config Config) (*Client, error) {
	if config.Address == nil && config.Kubernetes == nil ||
		config.Address != nil && (config.Address.Host == "" || (config.Address.Scheme != "http" && config.Address.Scheme != "https")) {
		return nil, errors.New("the address of the control plane must be a URL that begins with http:// or https://")
	}
	config.Token = strings.TrimSpace(config.Token)
	if !httpguts.ValidHeaderFieldValue(config.Token) { // net/http would report it like a connection error
		return nil, fmt.Errorf("the token (%s) contains a character that is not allowed in a token", config.Origins.Token)
	}
	for name, value := range config.Headers {
		if !httpguts.ValidHeaderFieldName(name) { // not quoted: it may be a value
			return nil, fmt.Errorf("the name of a header (%s) is empty, or contains a character that is not allowed", config.Origins.Headers)
		}
		if !httpguts.ValidHeaderFieldValue(value) {
			return nil, fmt.Errorf("the value of the header %q (%s) contains a character that is not allowed", name, config.Origins.Headers)
		}
	}
	if config.Clock == nil {
		config.Clock = SystemClock{}
	}
	if config.RetryWait == 0 {
		config.RetryWait = 250 * time.Millisecond
	}
	if config.Log == nil {
		config.Log = func(context.Context, string, map[string]any) {}
	}
	client := &Client{config: config, api: apiOf(config)}
	client.store = httpStore{client}
	if config.Kubernetes != nil {
		client.store = newKubernetesStore(client, config)
	}
	for _, secret := range secretsOf(config) {
		client.sent.add(secret)
	}
	if config.Kubernetes != nil && config.Kubernetes.Secrets != nil {
		config.Kubernetes.Secrets(client.sent.add)
	}
	return client, nil
}

// Address returns the URL of the control plane, "" if none is configured.
func (c *Client) Address() string {
	return c.api.Address()
}

// TwoClocks reports whether the time of a write is by another clock, that of
// Kubernetes, than the time of what the control plane does then.
func (c *Client) TwoClocks() bool { return c.config.Kubernetes != nil }

// LockSecret locks a secret for other users of this client until unlock is
// called, for a read and a write that depends on it. It waits until the context
// is done.
func (c *Client) LockSecret(ctx context.Context, mesh, name string) (unlock func(), err error) {
	return c.lock(ctx, secretKey(mesh, name).path)
}

// lock serializes the writes of one object. It waits until the context is done.
func (c *Client) lock(ctx context.Context, path string) (unlock func(), err error) {
	entry, _ := c.locks.LoadOrStore(path, make(chan struct{}, 1))
	held, _ := entry.(chan struct{})
	select {
	case held <- struct{}{}:
		return func() { <-held }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
