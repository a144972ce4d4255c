package kuma

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

// Freshness is how old the answer to a read may be.
type Freshness time.Duration

const (
	// anew is a request of its own, which others may join.
	anew Freshness = -1
	// Fresh joins a request that is under way, or makes one.
	Fresh Freshness = 0
	// Recent takes what was read or written in the last 30 s as well, unless this
	// client has written to it since. It is for looking, as a plan does, which is
	// out of date by the time that it is applied anyway; not for what a write is
	// based on.
	Recent = Freshness(30 * time.Second)
)

// shared are the reads that several may use: those under way, and what they
// found. They are as short-lived as the client.
type shared struct {
	mu    sync.Mutex
	reads map[string]*read // by path
}

// A read is one request, and its outcome when it is done.
type read struct {
	begun time.Time
	done  chan struct{}
	value any
	err   error
}

// share reads a path, or takes part in what somebody else reads there. Callers
// must not change the value.
func share[T any](ctx context.Context, c *Client, path string, age Freshness, get func() (T, error)) (T, error) {
	for {
		r, mine := c.shared.join(path, age, c.config.Clock.Now())
		if mine {
			value, err := get()
			c.shared.end(path, r, value, err)
			return value, err
		}
		var none T
		select {
		case <-ctx.Done():
			return none, ctx.Err()
		case <-r.done:
		}
		if errors.Is(r.err, context.Canceled) || errors.Is(r.err, context.DeadlineExceeded) {
			continue // whoever made the request gave up, and that is no answer
		}
		value, _ := r.value.(T)
		return value, r.err
	}
}

// join finds a read that is fresh enough, or begins one: mine tells which.
func (s *shared) join(path string, age Freshness, now time.Time) (r *read, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.reads[path]; r != nil && age >= Fresh {
		select {
		case <-r.done:
			if now.Sub(r.begun) < time.Duration(age) {
				return r, false
			}
		default:
			return r, false
		}
	}
	r = &read{begun: now, done: make(chan struct{})}
	if s.reads == nil {
		s.reads = map[string]*read{}
	}
	s.reads[path] = r
	return r, true
}

// end tells all who wait, and keeps what was found. An error is not kept.
func (s *shared) end(path string, r *read, value any, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.value, r.err = value, err
	close(r.done)
	if err != nil && s.reads[path] == r {
		delete(s.reads, path)
	}
}

// keep is for what needs no read, because it was just written.
func (s *shared) keep(path string, value any, now time.Time) {
	r, _ := s.join(path, anew, now)
	s.end(path, r, value, nil)
}

// kept is what is known of a path without a request.
func kept[T any](c *Client, path string, age Freshness, now time.Time) (value T, known bool) {
	c.shared.mu.Lock()
	defer c.shared.mu.Unlock()
	r := c.shared.reads[path]
	if r == nil || now.Sub(r.begun) >= time.Duration(age) {
		return value, false
	}
	value, known = r.value.(T)
	return value, known
}

// forget is called before and after a write: what was read before it, or while it
// was under way, is out of date, there and in the list that it is in. What is
// deleted goes with all that it holds.
func (s *shared) forget(method, written string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.reads, func(read string, _ *read) bool {
		return read == written || read == path.Dir(written) ||
			method == http.MethodDelete && strings.HasPrefix(read, written+"/")
	})
}
