package kumatest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A FaultKind is a way in which a request goes wrong.
type FaultKind int

// The kinds of faults. StaleSecrets lets the request see secrets as they were before their last write: the check
// of a CA, as through a cache that is too old, and the read of a secret. With it Fault.Side does not matter.
// Conflict is what the store of a control plane says when another client writes the object between the moments at
// which the control plane reads and writes it: it strikes writes only, and they have no effect.
const (
	Refuse          FaultKind = iota + 1 // the connection is closed without an answer
	Hang                                 // no answer comes until the client gives up
	TooManyRequests                      // 429 with Retry-After
	InternalError                        // 500
	BadGateway                           // 502
	Unavailable                          // 503
	GatewayTimeout                       // 504
	HTML                                 // 200 with a page, as a login page in between answers
	Truncated                            // 200 with JSON that ends in the middle
	Empty                                // 200 without a body
	StaleSecrets                         // the answer is true, but for secrets of old
	Conflict                             // 409, of a write
)

// A Side says whether a fault comes before the effect of a request or after.
type Side int

// The sides that a fault can come on.
const (
	Before     Side = iota // the request has no effect
	After                  // it has its effect, and the answer is lost or replaced
	EitherSide             // the one or the other, as the seed has it
)

// A Fault says which requests go wrong, and how.
type Fault struct {
	Match func(*http.Request) bool // which requests it is about; nil: all. Their bodies are read already
	Times int                      // how many of them it strikes at most; 0: no limit
	For   time.Duration            // how long it strikes, by the control plane's clock; 0: no limit
	Rate  float64                  // the share of them that it strikes; 0: all
	Seed  uint64                   // decides which, with the same outcome for the same requests
	Kinds []FaultKind              // how they go wrong; of several the seed takes one
	Side  Side

	RetryAfter time.Duration // for TooManyRequests, in whole seconds; the default is one
}

// Overviews matches requests for overviews of proxies.
func Overviews(r *http.Request) bool {
	return strings.HasSuffix(r.URL.Path, "/_overview") && strings.Contains(r.URL.Path, "/dataplanes/") || strings.Contains(r.URL.Path, "/dataplanes+insights")
}

// Inject adds a fault. Of several that would strike a request, the one that was added first does.
func (cp *ControlPlane) Inject(f Fault) {
	now := cp.now()
	cp.faults.mu.Lock()
	defer cp.faults.mu.Unlock()
	cp.faults.active = append(cp.faults.active, &activeFault{Fault: f, since: now, attempts: map[string]int{}})
}

// ClearFaults removes all faults.
func (cp *ControlPlane) ClearFaults() {
	cp.faults.mu.Lock()
	defer cp.faults.mu.Unlock()
	cp.faults.active = nil
}

type faults struct {
	mu     sync.Mutex
	active []*activeFault
}

type activeFault struct {
	Fault
	since    time.Time
	struck   int
	attempts map[string]int // by method and path
}

// A strike is what a fault does to one request. Its zero value does nothing.
type strike struct {
	kind       FaultKind
	after      bool
	retryAfter time.Duration
}

func (f *faults) strike(r *http.Request, now time.Time) strike {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range f.active {
		if s, ok := fault.strike(r, now); ok {
			return s
		}
	}
	return strike{}
}

// strike decides by the seed and by which attempt at this method and path it is, so that requests which run at
// the same time do not change what becomes of one another.
func (f *activeFault) strike(r *http.Request, now time.Time) (strike, bool) {
	exhausted := f.Times > 0 && f.struck >= f.Times || f.For > 0 && now.Sub(f.since) >= f.For
	if exhausted || len(f.Kinds) == 0 || f.Match != nil && !f.Match(r) {
		return strike{}, false
	}
	subject := r.Method + " " + r.URL.Path
	f.attempts[subject]++
	dice := sha256.Sum256(fmt.Appendf(nil, "%d %s %d", f.Seed, subject, f.attempts[subject]))
	if f.Rate > 0 && float64(binary.BigEndian.Uint64(dice[:])) >= f.Rate*math.MaxUint64 {
		return strike{}, false
	}
	kind := f.Kinds[binary.BigEndian.Uint64(dice[8:])%uint64(len(f.Kinds))]
	if kind == Conflict && r.Method == http.MethodGet {
		return strike{}, false
	}
	f.struck++
	return strike{
		kind:       kind,
		after:      kind != Conflict && (f.Side == After || f.Side == EitherSide && dice[16]%2 == 1),
		retryAfter: max(f.RetryAfter, time.Second),
	}, true
}

// spoils reports whether the request gets another answer than its own, after its effect or before.
func (s strike) spoils(after bool) bool {
	return s.kind != 0 && s.kind != StaleSecrets && s.after == after
}

// spoil returns the answer that comes instead of the true one, which is empty when there was no effect. When no
// answer is to come at all it does not return.
func (s strike) spoil(r *http.Request, truth answer) answer {
	switch s.kind {
	case Hang:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case TooManyRequests:
		a := textAnswer(http.StatusTooManyRequests, "Too Many Requests")
		a.header.Set("Retry-After", strconv.Itoa(int(s.retryAfter/time.Second)))
		return a
	case InternalError:
		return textAnswer(http.StatusInternalServerError, "Internal Server Error")
	case BadGateway:
		return textAnswer(http.StatusBadGateway, "Bad Gateway")
	case Unavailable:
		return textAnswer(http.StatusServiceUnavailable, "Service Unavailable")
	case GatewayTimeout:
		return textAnswer(http.StatusGatewayTimeout, "Gateway Timeout")
	case Conflict:
		return conflict(r.URL.Path).answer()
	case HTML:
		return guiPage()
	case Truncated:
		body := truth.body
		if len(body) < 2 {
			body = []byte(`{"type": "Mesh", "name": "default"}`)
		}
		return answer{status: http.StatusOK, header: contentType("application/json"), body: body[:len(body)/2]}
	case Empty:
		return answer{status: http.StatusOK, header: contentType("application/json")}
	default: // Refuse
		panic(http.ErrAbortHandler)
	}
}
