package kuma

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// A request has the parts in which requests differ. path is relative to the
// address, and its segments are escaped.
type request struct {
	to           *endpoint // nil: the control plane
	method, path string
	query        url.Values
	body         []byte // nil if there is none
}

// endpoint returns the server that a request goes to.
func (c *Client) endpoint(r request) *endpoint {
	if r.to != nil {
		return r.to
	}
	return c.api
}

// A response is a successful answer.
type response struct {
	status   int
	body     []byte
	date     time.Time // by the server's clock, zero if it does not say
	warnings []string  // in headers, as Kubernetes has them
}

// index is the path of the description of a control plane.
const index = "/"

// send sends one request, with up to so many retries, and reads its answer. The
// error is a *ConnectionError if there was none, an *Error if it was not
// successful, or the context's.
func (c *Client) send(ctx context.Context, r request, history *attempts, retries int) (*response, error) {
	to := c.endpoint(r)
	if to.address == nil {
		return nil, &NoAddressError{}
	}
	c.reread(ctx)
	history.to = to
	prepared, err := c.prepare(ctx, r)
	if err != nil {
		return nil, err
	}
	retrying := &retryablehttp.Client{
		HTTPClient:   to.http,
		RetryMax:     retries,
		CheckRetry:   history.check,
		Backoff:      func(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return 0 }, // pause waits
		PrepareRetry: func(again *http.Request) error { return c.pause(again.Context(), r, history) },
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	start := c.config.Clock.Now()
	answer, err := retrying.Do(prepared)
	fields := map[string]any{
		"method": r.method, "path": r.path, "attempts": history.count,
		"milliseconds": c.config.Clock.Now().Sub(start).Milliseconds(),
	}
	if err != nil {
		c.config.Log(ctx, "control plane did not answer", fields)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, c.connectionError(to, err)
	}
	defer func() { _ = answer.Body.Close() }()
	fields["status"] = answer.StatusCode
	c.config.Log(ctx, "control plane answered", fields)
	content, err := io.ReadAll(answer.Body) // from memory, see wholeBody
	if err != nil {
		return nil, c.connectionError(to, err)
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		refusal := c.answerError(r, answer.StatusCode, content)
		refusal.earlierUncertain, refusal.decided = history.earlierUncertain, !to.fault(answer)
		return nil, refusal
	}
	date, _ := http.ParseTime(answer.Header.Get("Date")) // the zero time of one that is not there
	return &response{status: answer.StatusCode, body: content, date: date, warnings: warningsIn(answer.Header)}, nil
}

// warningsIn returns the texts of Warning headers (RFC 7234, 5.5): a code, an agent
// and a quoted text.
func warningsIn(header http.Header) []string {
	var texts []string
	for _, value := range header.Values("Warning") {
		for start := strings.IndexByte(value, '"'); start >= 0; start = strings.IndexByte(value, '"') {
			quoted, err := strconv.QuotedPrefix(value[start:])
			if err != nil {
				break
			}
			if text, err := strconv.Unquote(quoted); err == nil {
				texts = append(texts, text)
			}
			value = value[start+len(quoted):]
		}
	}
	return texts
}

// prepare returns the HTTP request.
func (c *Client) prepare(ctx context.Context, r request) (*retryablehttp.Request, error) {
	// These would lead to another object, such as a list.
	if r.path != index && slices.ContainsFunc(strings.Split(r.path, "/"), func(s string) bool { return s == "" || s == "." || s == ".." }) {
		return nil, fmt.Errorf(`%s %q: a name cannot be empty, "." or ".."`, r.method, r.path)
	}
	to := c.endpoint(r)
	target := to.address.JoinPath(r.path)
	target.RawQuery = r.query.Encode()
	var payload any
	if r.body != nil {
		payload = r.body
	}
	prepared, err := retryablehttp.NewRequestWithContext(ctx, r.method, target.String(), payload)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.method, r.path, withoutURL(err))
	}
	to.header(prepared.Header)
	prepared.Header.Set("Accept", "application/json")
	if r.body != nil {
		prepared.Header.Set("Content-Type", "application/json")
	}
	if c.config.UserAgent != "" {
		prepared.Header.Set("User-Agent", c.config.UserAgent)
	}
	return prepared, nil
}

// getDocument reads one document.
func (c *Client) getDocument(ctx context.Context, path string, query url.Values) (*Document, error) {
	return c.getUpTo(ctx, path, query, c.config.MaxRetries)
}

// getUpTo is getDocument with another number of retries.
func (c *Client) getUpTo(ctx context.Context, path string, query url.Values, retries int) (*Document, error) {
	document, _, err := c.read(ctx, request{method: http.MethodGet, path: path, query: query}, retries)
	return document, err
}

// read sends a request, with up to so many retries. It returns the object in the
// answer, and the time of the answer.
func (c *Client) read(ctx context.Context, r request, retries int) (object *Document, date time.Time, err error) {
	answer, err := c.send(ctx, r, c.attempts(), retries)
	if err != nil {
		return nil, date, err
	}
	object, err = c.parse(r, answer)
	return object, answer.date, err
}

// parse returns the object in an answer.
func (c *Client) parse(r request, answer *response) (*Document, error) {
	object, err := ParseDocument(answer.body)
	if err != nil {
		return nil, c.answerError(r, answer.status, answer.body)
	}
	if depth(object.raw) > maxDepth {
		return nil, c.defectError(r, answer.status, "is nested more deeply than any of a control plane")
	}
	return object, nil
}

// check returns an error if a document is not the object with a key. The key of
// an item of a list may have no name.
func (c *Client) check(document *Document, of key) error {
	for _, member := range [][2]string{{"type", of.kind}, {"mesh", of.mesh}, {"name", of.name}} {
		var is string
		err := document.Decode(member[0], &is)
		if err == nil && (is == member[1] || member[0] == "name" && of.name == "") {
			continue
		}
		return c.defectError(request{method: http.MethodGet, path: of.path}, http.StatusOK,
			fmt.Sprintf("is another object: its %s is %q, not %q", member[0], c.quote(is, longestReason), member[1]))
	}
	return nil
}

// withoutURL removes the method and URL that net/http and net/url put before
// each error: the caller describes the request better, and a URL can contain a
// password.
func withoutURL(err error) error {
	var wrapped *url.Error
	for errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return err
}
