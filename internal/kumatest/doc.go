// Package kumatest is an embedded control plane, as net/http/httptest is to net/http: an http.Handler over
// an in-memory store which answers as a real Kuma control plane does, so that a test needs no other process.
//
// What it answers is held against recordings of real control planes (testdata/contract) in status, content
// type and body. It is built from the rules that those follow, in the order in which they check them, and
// shares no code with the client of this project: a twin built from our own client would agree with its
// mistakes.
//
//	server := kumatest.NewServer(kumatest.Version("2.7.29"), kumatest.Clock(clock.Now))
//	defer server.Close()
//	server.Inject(kumatest.Fault{Kinds: []kumatest.FaultKind{kumatest.BadGateway}, Times: 2})
//
// Where to find what: a request goes through ServeHTTP (controlplane.go), the router (router.go) and one of the
// handlers in crud.go and info.go. What a type of resource is, is a row in types.go; what is particular to a
// mesh, a secret or a data plane proxy stands in the file of that name. Documents are read and written by
// document.go after the descriptions in schema.go. Versions differ in version.go.
package kumatest
