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

// MaxAge is the maximum age of the answer to a read.
type MaxAge time.Duration

const (
	// anew makes a new request, which others may join.
	anew MaxAge = -1
	// Fresh joins a request in progress, or makes a new one.
	Fresh MaxAge = 0
	// Recent also accepts an answer to a read or write of the last 30 s, unless
	// this client has written to the object since. It is for a plan, which is
	// outdated anyway when it is applied, and not for a read that a write
	// depends on.
	Recent = MaxAge(30 * time.Second)
)

// objectReads is the beginning of the path of a read of objects of Kubernetes. They
// are of all meshes, so any write makes the read out of date.
const objectReads = "objects/"

// shared has the reads that several callers can use: those in progress, and
// their results. It exists as long as the client.
type shared struct {
	mu    sync.Mutex
	reads map[string]*read // by path
}

// A read is one request, and its result once it is done.
type read struct {
	begun time.Time
	done  chan struct{}
	value any
	err   error
}

// share reads a path, or joins another read of it. Callers must not change the
// value.
func share[T any](ctx context.Context, c *Client, path string, age MaxAge, get func() (T, error)) (T, error) {
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
			continue // the caller that made the request was canceled, which is not a result
		}
		value, ok := r.value.(T)
		if !ok && r.err == nil { // a read of the path as another type, such as a mesh as an object of any type
			return get()
		}
		return value, r.err
	}
}

// join returns a read that is fresh enough, or a new one: mine reports which.
func (s *shared) join(path string, age MaxAge, now time.Time) (r *read, mine bool) {
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

// end passes the result to all callers that wait, and stores it unless it is an
// error.
func (s *shared) end(path string, r *read, value any, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.value, r.err = value, err
	close(r.done)
	if err != nil && s.reads[path] == r {
		delete(s.reads, path)
	}
}

// keep stores a value that was just written.
func (s *shared) keep(path string, value any, now time.Time) {
	r, _ := s.join(path, anew, now)
	s.end(path, r, value, nil)
}

// stored returns the stored value of a path, without a request.
func stored[T any](c *Client, path string, age MaxAge, now time.Time) (value T, known bool) {
	c.shared.mu.Lock()
	defer c.shared.mu.Unlock()
	r := c.shared.reads[path]
	if r == nil || now.Sub(r.begun) >= time.Duration(age) {
		return value, false
	}
	value, known = r.value.(T)
	return value, known
}

// forget is called before and after a write. It drops earlier or concurrent
// reads of the object, and of the list that contains it. After a delete, it
// also drops the objects inside.
func (s *shared) forget(method, written string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.reads, func(read string, _ *read) bool {
		return read == written || read == path.Dir(written) || strings.HasPrefix(read, objectReads) ||
			method == http.MethodDelete && strings.HasPrefix(read, written+"/")
	})
}
