package acctest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// Handshakes records those of a mesh in which every proxy tries one with every
// other one whenever anything has happened, disconnected proxies included.
type Handshakes struct {
	Tried   int
	Refused []kumatest.Refusal
}

// WatchHandshakes records the handshakes of a mesh of the embedded control plane.
func (e *Env) WatchHandshakes(mesh string) *Handshakes {
	h := &Handshakes{}
	e.Twin.Watch(func(time.Time) {
		tried, refused := e.Twin.HandshakesOfAll(mesh)
		h.Tried += tried
		h.Refused = append(h.Refused, refused...)
	})
	return h
}

// Check returns an error if a handshake was refused, or none was tried.
func (h *Handshakes) Check(*terraform.State) error {
	if h.Tried == 0 {
		return fmt.Errorf("nothing was tried, so this shows nothing")
	}
	if len(h.Refused) > 0 {
		return fmt.Errorf("of %d handshakes %d were refused, the first: %s", h.Tried, len(h.Refused), h.Refused[0])
	}
	return nil
}

// Reset forgets the handshakes so far.
func (h *Handshakes) Reset() { *h = Handshakes{} }

// ConnectProxies lets proxies dp-1, dp-2 and so on connect, and waits until the
// control plane knows their certificates.
func (e *Env) ConnectProxies(t *testing.T, mesh string, n int) {
	t.Helper()
	for i := range n { // not all at once, so that the control plane records them at different times
		e.Twin.Connect(mesh, fmt.Sprintf("dp-%d", i+1))
		e.Pass(t, 1700*time.Millisecond)
	}
	e.Pass(t, 20*time.Second)
}

// RemoveProxies lets a mesh be deleted.
func (e *Env) RemoveProxies(mesh string) {
	for _, proxy := range e.Twin.Proxies(mesh) {
		e.Twin.Remove(proxy)
	}
}

// Pass lets time pass on the clock of the test, with all that happens then.
func (e *Env) Pass(t *testing.T, d time.Duration) {
	t.Helper()
	if err := e.Clock.Sleep(context.Background(), d); err != nil {
		t.Fatal(err)
	}
	if e.Twin != nil {
		e.Twin.Advance()
	}
}
