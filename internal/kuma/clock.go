package kuma

import (
	"context"
	"time"
)

// Clock returns the time and waits. Tests replace it, to run without waiting.
type Clock interface {
	Now() time.Time
	// Sleep waits, or returns the context's error once the context is done.
	Sleep(ctx context.Context, d time.Duration) error
	// WithTimeout is [context.WithTimeout] with this clock.
	WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc)
}

// SystemClock is the clock of the operating system.
type SystemClock struct{}

// Now returns [time.Now].
func (SystemClock) Now() time.Time { return time.Now() }

// Sleep waits for d.
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
