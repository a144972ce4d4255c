package serve

import (
	"context"
	"sync/atomic"
	"time"
)

// passing is a context that is another one for the time of a call, and then an
// empty one.
type passing struct {
	during atomic.Pointer[context.Context]
}

// newPassing is ctx until end is called.
func newPassing(ctx context.Context) (passes context.Context, end func()) {
	p := &passing{}
	p.during.Store(&ctx)
	return p, func() { p.during.Store(nil) }
}

func (p *passing) context() context.Context {
	if ctx := p.during.Load(); ctx != nil {
		return *ctx
	}
	return context.Background()
}

// Deadline is that of the call.
func (p *passing) Deadline() (time.Time, bool) { return p.context().Deadline() }

// Done is closed when the call is cancelled.
func (p *passing) Done() <-chan struct{} { return p.context().Done() }

// Err is why the call was cancelled.
func (p *passing) Err() error { return p.context().Err() }

// Value is one of the call.
func (p *passing) Value(key any) any { return p.context().Value(key) }
