package kuma

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// maxRetryAfter is the longest pause that a server's Retry-After can cause. If
// it asks for an hour, the client retries earlier, a few times, and then
// returns the answer as the error, so that the user learns the reason.
const maxRetryAfter = 30 * time.Second

// attempts is the history of a request.
type attempts struct {
	to       *endpoint
	clock    Clock
	shortest time.Duration

	count            int           // number of attempts so far
	again            bool          // the last one failed with a transient error
	wait             time.Duration // pause before the next one
	earlierUncertain bool          // one before the last may have succeeded
	lastUncertain    bool          // the last one may have succeeded
}

func (c *Client) attempts() *attempts {
	return &attempts{clock: c.config.Clock, shortest: c.config.RetryWait}
}

// check decides whether to retry after an attempt: there was no connection, the
// answer was incomplete, or the status is transient. A rejection is not, nor is
// 500, which is an answer.
func (a *attempts) check(ctx context.Context, answer *http.Response, err error) (bool, error) {
	a.count++
	a.earlierUncertain = a.earlierUncertain || a.lastUncertain
	a.lastUncertain = err != nil || a.to.fault(answer)
	a.again = false
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		a.again = !permanent(ctx, err)
		answer = nil // an incomplete answer does not count
	} else {
		a.again = a.to.transient(answer)
	}
	a.wait = backoff(a.shortest, a.count, answer, a.clock.Now())
	return a.again, nil
}

func transient(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// permanent reports whether a request without an answer would fail again.
func permanent(ctx context.Context, err error) bool {
	var (
		redirect    *redirectError
		record      tls.RecordHeaderError
		certificate *tls.CertificateVerificationError
		final       interface{ Permanent() bool }
	)
	switch {
	case errors.As(err, &final) && final.Permanent():
		return true
	case errors.As(err, &redirect), errors.As(err, &record), errors.As(err, &certificate),
		errors.Is(err, http.ErrSchemeMismatch), errors.Is(err, errTooLong), errors.Is(err, errProxy):
		return true
	}
	again, _ := retryablehttp.DefaultRetryPolicy(ctx, nil, err) // it knows certificate errors
	return !again
}

// backoff returns the pause after an attempt, where the first one is number 1.
// It doubles with each, up to 20 times the shortest, less a random part of up
// to half of it. The pause that a server requests is added, so that requests
// that it rejected together do not retry together.
func backoff(shortest time.Duration, attempt int, answer *http.Response, now time.Time) time.Duration {
	wait := min(shortest<<min(attempt-1, 5), 20*shortest)
	wait -= rand.N(wait/2 + 1) //nolint:gosec // a spread, not a secret
	if answer != nil {
		wait += retryAfter(answer.Header, now)
	}
	return wait
}

// retryAfter returns the pause that a server requests, by its own clock if it
// contains a date (RFC 9110, 10.2.3).
func retryAfter(header http.Header, now time.Time) time.Duration {
	asked := header.Get("Retry-After")
	if seconds, err := strconv.ParseInt(asked, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(max(seconds, 0), int64(maxRetryAfter/time.Second))) * time.Second
	}
	until, err := http.ParseTime(asked)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	return min(max(until.Sub(now), 0), maxRetryAfter)
}

// pause waits for the next attempt.
func (c *Client) pause(ctx context.Context, r request, history *attempts) error {
	c.config.Log(ctx, "retrying the request", map[string]any{
		"method": r.method, "path": r.path, "attempt": history.count + 1, "milliseconds": history.wait.Milliseconds(),
	})
	return c.config.Clock.Sleep(ctx, history.wait)
}
