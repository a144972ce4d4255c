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
// It has data plane proxies for who wants them, which get real certificates when those of a real one do, by an injected
// clock: what makes it issue, how long that takes, what goes wrong in a rotation and what the overviews tell of it is
// that which was measured.
//
//	proxy := server.Connect("default", "backend-1")
//	server.Watch(func(now time.Time) { refused = append(refused, server.Refusals("default")...) })
//
// What goes wrong is scripted: a proxy rejects, hangs, answers late or reconnects again and again, a zone hangs or ends, the
// control plane restarts, another client takes a write back.
//
//	server.After(10*time.Second, func() { server.Restart(20 * time.Second) })
//	server.WriteBack("/meshes/default", 0, 30*time.Second)
//
// Where to find what, by the beginning of a file's name: a request goes through ServeHTTP (controlplane.go) and the router
// to a handler (api_). Each type of resource is a row in type.go. A type that behaves in its own way has a file (type_) with
// its row, schema and rules: to add a type, add its row and, if it needs one, its file. Documents are read and written by descriptions (document_) and kept in the store (store). Versions
// differ in version.go.
//
// What happens to proxies in the course of time goes through fleet.go, one event after the other, with the delays of
// fleet_timing.go: fleet_proxy.go is what a test has of a proxy and fleet_manners.go how it behaves, fleet_session.go what
// is sent, fleet_issuance.go when and from what something is made for it, fleet_insight.go and fleet_meshinsight.go what is
// told of it, fleet_zone.go where it is connected, fleet_zonestream.go how that is connected to a global control plane.
// CAs are checked, issue and are verified in ca_.
package kumatest
