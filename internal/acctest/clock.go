package acctest

import (
	"context"
	"sync"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// Clock is a clock that only moves when a test or the provider waits.
type Clock struct {
	mutex  sync.Mutex
	now    time.Time
	limits map[*limited]time.Time // time at which each expires
}

// NewClock returns a clock that shows a time.
func NewClock(now time.Time) *Clock {
	return &Clock{now: now, limits: map[*limited]time.Time{}}
}

// Now returns the time of the clock.
func (c *Clock) Now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}

// Sleep moves the clock by d without waiting.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now = c.now.Add(d)
	for limit, until := range c.limits {
		if !c.now.Before(until) {
			limit.end(context.DeadlineExceeded)
		}
	}
	return ctx.Err()
}

// WithTimeout returns a context that expires when the clock has moved by d.
func (c *Clock) WithTimeout(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	limit := &limited{Context: parent, done: make(chan struct{})}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.limits[limit] = c.now.Add(d)
	stop := context.AfterFunc(parent, func() { limit.end(parent.Err()) })
	return limit, func() {
		stop()
		limit.end(context.Canceled)
		c.mutex.Lock()
		defer c.mutex.Unlock()
		delete(c.limits, limit)
	}
}

// limited is a context that the clock can end.
type limited struct {
	context.Context
	once sync.Once
	done chan struct{}
	err  error
}

func (l *limited) end(err error) {
	l.once.Do(func() {
		l.err = err
		close(l.done)
	})
}

// Done returns a channel that is closed at the end.
func (l *limited) Done() <-chan struct{} { return l.done }

// Err returns why the context ended, or nil before its end.
func (l *limited) Err() error {
	select {
	case <-l.done:
		return l.err
	default:
		return nil
	}
}

// Waiting is a clock during whose waits something happens.
type Waiting struct {
	kuma.Clock
	Happens func()
}

// Sleep waits, and lets it happen.
func (w Waiting) Sleep(ctx context.Context, d time.Duration) error {
	defer w.Happens()
	return w.Clock.Sleep(ctx, d)
}
