package kumatest

import (
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// A Request is a request over HTTP.
type Request struct {
	Method string
	Path   string
	Query  url.Values
	Header http.Header
	Body   []byte
	Status int       // of the answer; 0 until there is one, or if a fault lost it
	Answer []byte    // the body of the answer
	Time   time.Time // of its arrival, by the control plane's clock
}

// A recorder records requests in the order of their arrival.
type recorder struct {
	mu       sync.Mutex
	requests []*Request
}

func (rec *recorder) add(r *Request) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.requests = append(rec.requests, r)
}

func (rec *recorder) answered(r *Request, a answer) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	r.Status, r.Answer = a.status, a.body
}

// Requests returns every request over HTTP, in order, including those with a fault.
func (cp *ControlPlane) Requests() []Request {
	cp.recorder.mu.Lock()
	defer cp.recorder.mu.Unlock()
	all := make([]Request, 0, len(cp.recorder.requests))
	for _, r := range cp.recorder.requests {
		seen := *r
		seen.Body = slices.Clone(r.Body)
		seen.Answer = slices.Clone(r.Answer)
		seen.Header = r.Header.Clone()
		all = append(all, seen)
	}
	return all
}

// ResetRequests deletes the recorded requests.
func (cp *ControlPlane) ResetRequests() {
	cp.recorder.mu.Lock()
	defer cp.recorder.mu.Unlock()
	cp.recorder.requests = nil
}
