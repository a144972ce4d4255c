package kumatest

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"time"
)

// A Server is a control plane that listens on a free port of the loopback interface.
type Server struct {
	URL string // http://127.0.0.1:PORT
	*ControlPlane
	// Kubernetes is the API server of its cluster, nil without the option [Kubernetes].
	Kubernetes *ClusterServer

	http *http.Server
}

// NewServer starts a server. Close ends it.
func NewServer(opts ...Option) *Server {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(fmt.Sprintf("kumatest: no port to listen on: %v", err))
	}
	s := &Server{URL: "http://" + listener.Addr().String(), ControlPlane: New(opts...)}
	if s.kubernetes {
		if s.Kubernetes, err = NewClusterServer(s.Cluster(), "127.0.0.1:0"); err != nil {
			panic(fmt.Sprintf("kumatest: %v", err))
		}
	}
	s.http = &http.Server{Handler: s.ControlPlane, ReadHeaderTimeout: time.Minute}
	go func() {
		if err := s.http.Serve(listener); err != http.ErrServerClosed {
			log.Printf("kumatest: %v", err)
		}
	}()
	return s
}

// Close stops the server and closes every connection to it, including those that hang.
func (s *Server) Close() {
	if s.Kubernetes != nil {
		s.Kubernetes.Close()
	}
	_ = s.http.Close() // the listener is closed even after an error
}
