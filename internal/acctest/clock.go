package acctest

import (
	"context"
	"sync"
	"time"
)

// Clock is a time that stands still until somebody waits.
type Clock struct {
	mutex sync.Mutex
	now   time.Time
}

// NewClock is a clock that shows a time.
func NewClock(now time.Time) *Clock { return &Clock{now: now} }

// Now is the time it shows.
func (c *Clock) Now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}

// Sleep moves the time on at once.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now = c.now.Add(d)
	return ctx.Err()
}
