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

// The kinds of faults. StaleSecrets gives the request the secrets from before their last write, as an outdated cache
// would, for the validation of a CA and for reading a secret; Fault.Side has no effect on it. Conflict is the answer if
// another client writes the object between the control plane's read and its write: it applies only to writes, which
// then have no effect.
const (
	Refuse          FaultKind = iota + 1 // the connection is closed without an answer
	Hang                                 // no answer until the client gives up
	TooManyRequests                      // 429 with Retry-After
	InternalError                        // 500
	BadGateway                           // 502
	Unavailable                          // 503
	GatewayTimeout                       // 504
	HTML                                 // 200 with a page, as from a login page
	Truncated                            // 200 with incomplete JSON
	Empty                                // 200 without a body
	StaleSecrets                         // the correct answer, but with old content of secrets
	Conflict                             // 409, for a write
)

// A Side says whether a fault happens before or after the effect of a request.
type Side int

// The sides of a fault.
const (
	Before     Side = iota // the request has no effect
	After                  // it has its effect, and the answer is lost or replaced
	EitherSide             // either of them, depending on the seed
)

// A Fault describes which requests fail, and how.
type Fault struct {
	Match func(*http.Request) bool // which requests, nil means all; their bodies have been read
	Times int                      // maximum number of requests; 0 means no limit
	For   time.Duration            // duration by the control plane's clock; 0 means no limit
	Rate  float64                  // share of requests that fail; 0 means all
	Seed  uint64                   // decides which, with the same result for the same requests
	Kinds []FaultKind              // how they fail; the seed chooses one of several
	Side  Side

	RetryAfter time.Duration // for TooManyRequests, in whole seconds; the default is one
}

// Overviews reports whether a request is for overviews of proxies.
func Overviews(r *http.Request) bool {
	return strings.HasSuffix(r.URL.Path, "/_overview") && strings.Contains(r.URL.Path, "/dataplanes/") || strings.Contains(r.URL.Path, "/dataplanes+insights")
}

// Inject adds a fault. If several apply to a request, the first one that was added does.
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

// A strike is the effect of a fault on one request. Its zero value has no effect.
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

// strike decides by the seed and by the number of the attempt for this method and path, so that concurrent requests do
// not affect one another.
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

// spoils reports whether the request gets another answer, before or after its effect.
func (s strike) spoils(after bool) bool {
	return s.kind != 0 && s.kind != StaleSecrets && s.after == after
}

// spoil returns the answer that replaces the true one, which is empty if there was no effect. If the fault sends no
// answer, it does not return.
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
