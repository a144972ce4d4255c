package kuma

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config is how to reach a control plane.
type Config struct {
	// Address is the URL of the API. A path in it is a prefix of every path.
	Address *url.URL
	// Origins say where the parts of it were configured.
	Origins Origins
	// Token is sent as a bearer token, unless empty. White space around it, such
	// as the end of the line of a file, is no part of it.
	Token string
	// Headers are sent with every request.
	Headers map[string]string
	// TLS is used for https addresses. nil is the default of Go. Versions before
	// 1.2 are never used.
	TLS *tls.Config
	// RequestTimeout bounds each attempt, its answer included. 0: no bound.
	RequestTimeout time.Duration
	// MaxRetries is how often a request is sent again after the first attempt.
	MaxRetries int
	// RetryWait is the wait before the first retry; it doubles with each. 0: 250 ms.
	RetryWait time.Duration
	// UserAgent is sent with every request.
	UserAgent string
	// Clock is asked for the time and to wait. nil is the real one.
	Clock Clock
	// Log gets one line a request, and one for each retry: method, path, status,
	// attempt, time. Never a header, never a body. nil: no log.
	Log func(ctx context.Context, message string, fields map[string]any)
}

// Origins are for error messages: `attribute address`, for example. That of a
// part which is not there is empty.
type Origins struct {
	Address, Token, Headers, CA, ClientCert string
}

// Client is one control plane. It is safe for concurrent use.
type Client struct {
	config Config
	http   *http.Client
	store  store
	sent   sentSecrets
	own    ownWrites
	warned warned

	shared   shared
	looks    looks
	locks    sync.Map // path → chan struct{}: writes of one object go one after the other
	settings atomic.Pointer[Settings]
}

// New makes a client. It sends nothing.
func New(config Config) (*Client, error) {
	if config.Address == nil || config.Address.Host == "" || (config.Address.Scheme != "http" && config.Address.Scheme != "https") {
		return nil, errors.New("the address of the control plane must be a URL that begins with http:// or https://")
	}
	config.Token = strings.TrimSpace(config.Token)
	if !headerValue(config.Token) {
		return nil, fmt.Errorf("the token (%s) contains a character that is not allowed in a token", config.Origins.Token)
	}
	for name, value := range config.Headers {
		if !headerName(name) { // not quoted: it may be a value
			return nil, fmt.Errorf("the name of a header (%s) is empty, or contains a character that is not allowed", config.Origins.Headers)
		}
		if !headerValue(value) {
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
	client := &Client{
		config: config,
		http:   &http.Client{Transport: newTransport(config)},
	}
	client.store = httpStore{client}
	for _, secret := range secretsOf(config) {
		client.sent.add(secret)
	}
	return client, nil
}

// headerValue tells whether a string can be sent in a header. net/http would say
// so too, but as if the control plane had not answered.
func headerValue(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// headerName tells whether a string can be the name of a header (RFC 9110, 5.6.2).
func headerName(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"(),/:;<=>?@[\\]{}", r)
	})
}

// Address is where requests go.
func (c *Client) Address() string {
	return c.config.Address.Redacted()
}

// lock serializes the writes of one mesh. It waits as long as the context allows.
func (c *Client) lock(ctx context.Context, mesh string) (unlock func(), err error) {
	return c.locked(ctx, meshPath(mesh))
}

// LockSecret keeps others that use this client and lock the same secret from it
// until unlock is called: for a read, and a write that depends on it. It waits as
// long as the context allows.
func (c *Client) LockSecret(ctx context.Context, mesh, name string) (unlock func(), err error) {
	return c.locked(ctx, secretKey(mesh, name).path)
}

func (c *Client) locked(ctx context.Context, path string) (unlock func(), err error) {
	entry, _ := c.locks.LoadOrStore(path, make(chan struct{}, 1))
	held, _ := entry.(chan struct{})
	select {
	case held <- struct{}{}:
		return func() { <-held }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
