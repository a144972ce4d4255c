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

// maxBody is the most that is read of an answer, in bytes, unpacked. A full page
// of 1000 secrets of 24 KiB fits.
const maxBody = 32 << 20

// maxDepth is how deeply an answer may be nested. A mesh has a dozen levels.
const maxDepth = 64

// maxConnections is how many idle connections are kept: more than the usual
// `terraform apply -parallelism`.
const maxConnections = 128

func newTransport(config Config) *wholeBody {
	security := &tls.Config{MinVersion: tls.VersionTLS12}
	if config.TLS != nil {
		security = config.TLS.Clone() // the transport changes it
		security.MinVersion = max(security.MinVersion, tls.VersionTLS12)
	}
	return &wholeBody{
		next: &http.Transport{
			Proxy:               proxy(http.ProxyFromEnvironment),
			TLSClientConfig:     security,
			TLSHandshakeTimeout: 10 * time.Second,
			ForceAttemptHTTP2:   true,
			MaxIdleConns:        maxConnections,
			MaxIdleConnsPerHost: maxConnections,
			IdleConnTimeout:     90 * time.Second,

			MaxResponseHeaderBytes: 1 << 20,
		},
		timeout: config.RequestTimeout,
		limit:   maxBody,
	}
}

// errProxy stands for an error that quotes the proxy's URL, password included.
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

// wholeBody reads an answer to its end within the attempt, so that one that
// breaks off is retried and the timeout covers it.
type wholeBody struct {
	next    http.RoundTripper
	timeout time.Duration // 0: none
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
		// Not context.DeadlineExceeded, which is for the caller's own time.
		return nil, fmt.Errorf("there was no complete answer within %s", t.timeout)
	}
	return answer, err
}

func (t *wholeBody) roundTrip(request *http.Request) (*http.Response, error) {
	var handshake atomic.Bool // failed
	trace := &httptrace.ClientTrace{TLSHandshakeDone: func(_ tls.ConnectionState, err error) { handshake.Store(err != nil) }}
	answer, err := t.next.RoundTrip(request.WithContext(httptrace.WithClientTrace(request.Context(), trace)))
	switch {
	case err != nil && handshake.Load() && !errors.As(err, new(tls.RecordHeaderError)): // which net/http wants to see
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
	if err != nil {
		return nil, &IncompleteError{"failed with: " + err.Error()}
	}
	if int64(len(content)) > t.limit {
		return nil, errTooLong
	}
	if unfinished(request.Method, answer, content) {
		return nil, &IncompleteError{jsonDefect(content)}
	}
	answer.Body = io.NopCloser(bytes.NewReader(content))
	return answer, nil
}

// HandshakeError is a TLS connection that was not made.
type HandshakeError struct {
	err error
}

func (e *HandshakeError) Error() string { return e.err.Error() }
func (e *HandshakeError) Unwrap() error { return e.err }

// IncompleteError is an answer that began and did not come whole, in spite of
// all retries. Of a write it says nothing about its effect.
type IncompleteError struct {
	defect string
}

func (e *IncompleteError) Error() string { return "the answer ended early: it " + e.defect }

var errTooLong = errors.New("the answer is longer than an answer of a control plane")

// unfinished tells that an answer ends too early although the connection did
// not break: it says that it is JSON, or begins as such, and is not, or a read
// brought nothing. A write that is answered with nothing at all, no content type
// either, is what 2.7 does.
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

// redirectError is why a redirect is not followed. to is a scheme and host: the
// rest of a URL may say more than a message should.
type redirectError struct {
	to string
}

func (e *redirectError) Error() string {
	return fmt.Sprintf("it redirects to %s. The provider does not follow the redirect, because it would send the token and the data "+
		"there. Set the address to the final address of the control plane", e.to)
}

// checkRedirect allows a read to be sent on by the same server to itself. It is
// asked for each answer, so that of several redirects every one is checked.
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
