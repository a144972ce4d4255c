package kuma

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// maxBody is the maximum size of an answer in bytes, uncompressed. A full page
// of 1000 secrets of 24 KiB fits.
const maxBody = 32 << 20

// maxDepth is the maximum nesting depth of an answer. A mesh has a dozen
// levels.
const maxDepth = 64

// maxConnections is the number of idle connections to keep: more than the usual
// `terraform apply -parallelism`.
const maxConnections = 128

func newTransport(config Config) *wholeBody {
	security := &tls.Config{MinVersion: tls.VersionTLS12}
	if config.TLS != nil {
		security = config.TLS.Clone() // the transport changes it
		security.MinVersion = max(security.MinVersion, tls.VersionTLS12)
	}
	return whole(config, &http.Transport{
		Proxy:               proxy(http.ProxyFromEnvironment),
		TLSClientConfig:     security,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        maxConnections,
		MaxIdleConnsPerHost: maxConnections,
		IdleConnTimeout:     90 * time.Second,

		MaxResponseHeaderBytes: 1 << 20,
	})
}

func whole(config Config, next http.RoundTripper) *wholeBody {
	return &wholeBody{next: next, timeout: config.RequestTimeout, limit: maxBody}
}

// errProxy replaces an error that quotes the proxy's URL, including its
// password.
var errProxy = errors.New("the proxy in HTTP_PROXY or HTTPS_PROXY is not a URL")

func proxy(find func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		found, err := find(r)
		if err != nil {
			return nil, errProxy
		}
		return found, nil
	}
}

// wholeBody reads an answer completely within the attempt, so that an
// incomplete answer is retried and the timeout covers it.
type wholeBody struct {
	next    http.RoundTripper
	timeout time.Duration // 0 means none
	limit   int64         // of the body, in bytes
}

// RoundTrip sends a request and reads its answer.
func (t *wholeBody) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(request.Context())
	defer cancel()
	if t.timeout > 0 {
		late := time.AfterFunc(t.timeout, cancel)
		defer late.Stop()
	}
	answer, err := t.roundTrip(request.WithContext(ctx))
	if err != nil && ctx.Err() != nil && request.Context().Err() == nil {
		// Not context.DeadlineExceeded, which is for the caller's own timeout.
		return nil, fmt.Errorf("there was no complete answer within %s", t.timeout)
	}
	return answer, err
}

func (t *wholeBody) roundTrip(request *http.Request) (*http.Response, error) {
	var handshake atomic.Bool // whether it failed
	trace := &httptrace.ClientTrace{TLSHandshakeDone: func(_ tls.ConnectionState, err error) { handshake.Store(err != nil) }}
	answer, err := t.next.RoundTrip(request.WithContext(httptrace.WithClientTrace(request.Context(), trace)))
	switch {
	case err != nil && handshake.Load() && !errors.As(err, new(tls.RecordHeaderError)): // net/http needs this error itself
		return nil, &HandshakeError{err}
	case err != nil:
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if err := checkRedirect(request, answer); err != nil {
		return nil, err
	}
	if answer.ContentLength > t.limit {
		return nil, errTooLong
	}
	content, err := io.ReadAll(io.LimitReader(answer.Body, t.limit+1))
	if err != nil && !expectsTLS(answer) {
		return nil, &IncompleteError{"failed with: " + err.Error()}
	}
	if int64(len(content)) > t.limit {
		return nil, errTooLong
	}
	if unfinished(request.Method, answer, content) {
		return nil, &IncompleteError{jsonDefect(content)}
	}
	answer.Body = wholeAnswer{bytes.NewReader(content), content}
	return answer, nil
}

// expectsTLS reports whether an answer is the one of a Go server to a request without
// TLS (net/http, `Client sent an HTTP request to an HTTPS server.`). The server sends
// it before it has read the request, and closes the connection. So the end of the
// answer is lost after a long request, such as one with a token.
func expectsTLS(answer *http.Response) bool {
	return answer.StatusCode == http.StatusBadRequest && !answer.ProtoAtLeast(1, 1)
}

// HandshakeError reports a failed TLS handshake.
type HandshakeError struct {
	err error
}

func (e *HandshakeError) Error() string { return e.err.Error() }
func (e *HandshakeError) Unwrap() error { return e.err }

// IncompleteError reports an answer that stayed incomplete in spite of all
// retries. After a write, the effect is unknown.
type IncompleteError struct {
	defect string
}

func (e *IncompleteError) Error() string { return "the answer ended early: it " + e.defect }

var errTooLong = errors.New("the answer is longer than an answer of a control plane")

// unfinished reports whether an answer is incomplete although the connection
// did not fail: it says that it is JSON, or begins like it, and is invalid, or
// it is an empty answer to a read. An empty answer to a write without a content
// type is what 2.7 sends.
func unfinished(method string, answer *http.Response, content []byte) bool {
	switch {
	case answer.StatusCode < 200 || answer.StatusCode > 299 || answer.StatusCode == http.StatusNoContent:
		return false
	case len(content) == 0 && method == http.MethodGet:
		return true
	case looksLikeJSON(content), strings.HasPrefix(answer.Header.Get("Content-Type"), "application/json"):
		return !json.Valid(content)
	}
	return false
}

// redirectError reports why the client does not follow a redirect. to is a
// scheme and host: the rest of a URL may contain a secret.
type redirectError struct {
	to string
}

func (e *redirectError) Error() string {
	return fmt.Sprintf("it redirects to %s. The provider does not follow the redirect, because it would send the token and the data "+
		"there. Set the address to the final address of the control plane", e.to)
}

// checkRedirect allows redirects of a read to the same server. The client calls
// it for each answer, so each of several redirects is checked.
func checkRedirect(request *http.Request, answer *http.Response) error {
	if answer.StatusCode < 300 || answer.StatusCode > 399 || answer.Header.Get("Location") == "" {
		return nil
	}
	to, err := answer.Location()
	if err != nil {
		return &redirectError{"an invalid URL"}
	}
	if request.Method != http.MethodGet || to.Scheme != request.URL.Scheme || to.Host != request.URL.Host {
		return &redirectError{to.Scheme + "://" + to.Host}
	}
	return nil
}
