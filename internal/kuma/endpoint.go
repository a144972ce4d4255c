package kuma

import (
	"bytes"
	"net/http"
	"net/url"
)

// An endpoint is a server that the client talks to: the API of the control plane,
// or that of Kubernetes.
type endpoint struct {
	address *url.URL // nil: none is configured
	origins Origins
	server  Server
	http    *http.Client
	header  func(http.Header) // adds what every request has
	// read takes the server's own words from an answer without success. It is false
	// for an answer that is not the server's.
	read func(e *Error, body []byte) bool
	// fault reports whether the server, or what is in front of it, failed. An answer
	// that is no fault is the server's decision. transient reports whether the answer to
	// the same request may be another one later.
	fault, transient func(*http.Response) bool
}

// Address is where requests go, without a password.
func (p *endpoint) Address() string {
	if p.address == nil {
		return ""
	}
	return p.address.Redacted()
}

// apiOf is the API of the control plane.
func apiOf(config Config) *endpoint {
	return &endpoint{
		address: config.Address,
		origins: config.Origins,
		server:  ControlPlaneServer,
		http:    &http.Client{Transport: newTransport(config)},
		header: func(header http.Header) {
			for name, value := range config.Headers {
				header.Set(name, value)
			}
			if config.Token != "" {
				header.Set("Authorization", "Bearer "+config.Token)
			}
		},
		read:      readProblem,
		fault:     func(answer *http.Response) bool { return answer.StatusCode >= http.StatusInternalServerError },
		transient: func(answer *http.Response) bool { return transient(answer.StatusCode) },
	}
}

// wholeAnswer is the body of an answer that was read to its end.
type wholeAnswer struct {
	*bytes.Reader
	content []byte
}

// Close does nothing: the connection is free already.
func (wholeAnswer) Close() error { return nil }

// contentOf is the body of an answer of [wholeBody], nil of any other.
func contentOf(answer *http.Response) []byte {
	whole, _ := answer.Body.(wholeAnswer)
	return whole.content
}
