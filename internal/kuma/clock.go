package kuma

import (
	"context"
	"time"
)

// Clock is the time and the wait, so that tests need neither.
type Clock interface {
	Now() time.Time
	// Sleep waits, or returns the context's error as soon as it is done.
	Sleep(ctx context.Context, d time.Duration) error
	// WithTimeout is [context.WithTimeout] by this clock.
	WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc)
}

// SystemClock is the real time.
type SystemClock struct{}

// Now is the real time.
func (SystemClock) Now() time.Time { return time.Now() }

// Sleep really waits.
func (SystemClock) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// WithTimeout is [context.WithTimeout].
func (SystemClock) WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, d)
}
