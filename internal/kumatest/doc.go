// Package kumatest is an embedded control plane, as net/http/httptest is for net/http: an http.Handler over an
// in-memory store that answers like a real Kuma control plane, so that a test needs no other process.
//
// Tests compare its answers with recordings of real control planes (testdata/contract), in status, content type and
// body. It implements the rules of real ones, in the order in which they check them, and shares no code with the client
// of this project: otherwise, both would share its mistakes.
//
//	server := kumatest.NewServer(kumatest.Version("2.7.29"), kumatest.Clock(clock.Now))
//	defer server.Close()
//	server.Inject(kumatest.Fault{Kinds: []kumatest.FaultKind{kumatest.BadGateway}, Times: 2})
//
// It also has data plane proxies. They get real certificates at the same time as those of a real control plane do, by
// an injected clock: what triggers the issuance, how long it takes, what fails during a rotation, and what the
// overviews show is as measured.
//
//	proxy := server.Connect("default", "backend-1")
//	server.Watch(func(now time.Time) { refused = append(refused, server.Refusals("default")...) })
//
// Tests script failures: a proxy rejects, hangs, answers late or reconnects repeatedly, a zone hangs or is killed, the
// control plane restarts, another client reverts a write.
//
//	server.After(10*time.Second, func() { server.Restart(20 * time.Second) })
//	server.WriteBack("/meshes/default", 0, 30*time.Second)
//
// The beginning of a file's name shows what it is about. A request goes through ServeHTTP (controlplane.go) and the
// router to a handler (api_). Each type of resource is a row in type.go. A type with special behavior has a file
// (type_) with its row, schema and rules: to add a type, add its row and, if necessary, its file. Descriptions
// (document_) define how documents are read and written; the store has the documents. Versions differ in version.go.
//
// Events of proxies go through fleet.go, one after the other, with the delays in fleet_timing.go. fleet_proxy.go has
// the methods of a proxy for tests, and fleet_manners.go its behavior. fleet_equipment.go has its certificates, and
// fleet_handshake.go how proxies verify one another. fleet_session.go has what the control plane sends. fleet_issuance.go
// has when and from what it issues, and fleet_identity.go has the same for a MeshIdentity. fleet_view.go has what it knows
// of a mesh, fleet_setup.go the listeners and clusters, and fleet_meshservice.go the names that clients ask for.
// fleet_insight.go and fleet_meshinsight.go have the reported status, and fleet_zone.go has the zones. fleet_zonestream.go
// has their connection to a global control plane, and fleet_zonestore.go the resources that they have.
//
// Files that begin with ca_ validate, issue and verify. Those that begin with identity_ read the spec of a MeshIdentity and
// keep its status, and those that begin with cluster_ are the API server of a control plane on Kubernetes: it has the same
// store, in the form of objects.
package kumatest
