package kumatest

import (
	"fmt"
	"strings"
	"time"
)

// A release has the differences between versions of a control plane.
type release struct {
	version string // as / reports it
	set     releaseSet

	emptyAnswers  bool   // an accepted write has an answer without a body instead of {}
	tersely       bool   // the rejection of a write gives no reason
	zoneStatus    bool   // has /status/zones
	tagline       bool   // / has the earlier fields and order
	kri           bool   // resources have a resource identifier
	keepsNames    bool   // a resource may keep a name that a new one may not have
	computeLabels bool   // labels are added and validated at each write, not only at creation
	nameLabels    bool   // every resource has labels for origin and display name, which the control plane sets
	createTitle   string // title of a rejection by the checks against other resources
	updateTitle   string
	formatTitle   string        // title of a rejection of a format that does not exist
	missing       string        // beginning of the text about an absent secret
	tokenBackdate time.Duration // how far back a token is dated, so that it is valid for clocks that are slow; 2.7 tells the time of issuance
	pageSizeMin   bool          // a page size below one is rejected
	fullSchema    bool          // the schema of a newer type describes all members, and the body null has no answer
	required      []string      // required members of a document of a newer type, in the order of the messages

	identityServices bool          // a MeshIdentity needs a mesh with mode Exclusive of MeshServices
	identityPairs    bool          // the CA of a MeshIdentity is validated, with its key
	identityLifetime time.Duration // default lifetime of a certificate from a MeshIdentity

	meshTLS       bool // a mesh has mtls and the other sections that were removed with it
	dnsLabelNames bool // the name of a mesh must be a DNS label
	warnsOfName   bool // a mesh with another name is accepted with a warning
	looksLate     bool // a proxy that connects is checked after the first interval, not at once
	backsOff      bool // a failed issuance is retried with backoff, and ten failures stop it in the whole mesh

	comparesIdentities bool // a write of a MeshIdentity that changes nothing issues nothing
	refusesEd25519     bool // a MeshIdentity with such a CA issues nothing
	incremental        bool // a proxy is sent the secrets that have changed, and never again what it has rejected
	clientsWait        bool // a client with a certificate from a MeshIdentity speaks plaintext until the MeshService is ready
	serviceLabels      bool // a MeshService is for a workload label, not for a service tag
}

// A releaseSet is the set of releases that have a resource type or a field.
type releaseSet uint8

const (
	in27 releaseSet = 1 << iota
	in214
	in30

	from214  = in214 | in30
	until214 = in27 | in214
	inAll    = in27 | in214 | in30
)

func releases() []release {
	return []release{
		{
			version: "2.7.29", set: in27,
			emptyAnswers: true, tersely: true, zoneStatus: true, tagline: true, keepsNames: true,
			createTitle: "Could not create a resource", updateTitle: "Could not update a resource", formatTitle: "invalid format", missing: "Resource not found",
			meshTLS: true, looksLate: true, tokenBackdate: 5 * time.Minute,
		},
		{
			version: "2.14.3", set: in214,
			kri: true, computeLabels: true,
			createTitle: "Failed to create a resource", updateTitle: "Failed to update a resource", formatTitle: "Could not retrieve a resource", missing: "resource not found",
			required: []string{"type", "name", "spec"}, pageSizeMin: true, fullSchema: true, meshTLS: true, warnsOfName: true, backsOff: true,
			identityServices: true, identityLifetime: defaultLifetime, refusesEd25519: true, tokenBackdate: 5 * time.Second,
		},
		{
			version: "unknown", set: in30, // a development build has no version
			kri: true, computeLabels: true, nameLabels: true,
			createTitle: "Failed to create a resource", updateTitle: "Failed to update a resource", formatTitle: "Could not retrieve a resource", missing: "resource not found",
			required: []string{"name", "spec", "type"}, pageSizeMin: true, fullSchema: true, dnsLabelNames: true, backsOff: true,
			identityPairs: true, identityLifetime: 5 * 24 * time.Hour,
			comparesIdentities: true, incremental: true, clientsWait: true, serviceLabels: true, tokenBackdate: 5 * time.Second,
		},
	}
}

// Versions returns the versions that Version accepts.
func Versions() []string { return []string{"2.7.29", "2.14.3", "3.0-dev"} }

func releaseOf(version string) release {
	for i, known := range Versions() {
		if version == known || version == strings.TrimSuffix(known, "-dev") {
			return releases()[i]
		}
	}
	panic(fmt.Sprintf("kumatest: unknown version %q; there are %s", version, strings.Join(Versions(), ", ")))
}
