package kumatest

import (
	"fmt"
	"strings"
)

// A release is what differs between the versions of a control plane.
type release struct {
	version string // as / reports it
	set     releaseSet

	emptyAnswers  bool   // an accepted write is answered without a body instead of {}
	tersely       bool   // that nothing may be written is said without a reason
	zoneStatus    bool   // there is /status/zones
	tagline       bool   // / has the fields and the order of old
	kri           bool   // resources carry a resource identifier
	keepsNames    bool   // a resource may keep a name that a new one may not have
	computeLabels bool   // labels are completed and checked at each write, not only at creation
	nameLabels    bool   // origin and display name are labels of every resource, always the control plane's own
	createTitle   string // title of a refusal by the checks that need other resources
	updateTitle   string
	missing       string   // how the text about an absent secret begins
	pageSizeMin   bool     // a page size below one is refused
	required      []string // members that a document of a modern type needs, in the order in which it is told

	meshTLS       bool // a mesh has mtls and the other sections that went with it
	dnsLabelNames bool // the name of a mesh has to be a DNS label
	warnsOfName   bool // a mesh with another name is accepted with a warning
	looksLate     bool // a proxy that connects is looked at when the first interval is over, not at once
	backsOff      bool // a failed issuance is tried again later and later, and ten stop it in the whole mesh
}

// A releaseSet says in which releases a resource type or a field exists.
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
			createTitle: "Could not create a resource", updateTitle: "Could not update a resource", missing: "Resource not found",
			meshTLS: true, looksLate: true,
		},
		{
			version: "2.14.3", set: in214,
			kri: true, computeLabels: true,
			createTitle: "Failed to create a resource", updateTitle: "Failed to update a resource", missing: "resource not found",
			required: []string{"type", "name", "spec"}, pageSizeMin: true, meshTLS: true, warnsOfName: true, backsOff: true,
		},
		{
			version: "unknown", set: in30, // a development build has no version
			kri: true, computeLabels: true, nameLabels: true,
			createTitle: "Failed to create a resource", updateTitle: "Failed to update a resource", missing: "resource not found",
			required: []string{"name", "spec", "type"}, pageSizeMin: true, dnsLabelNames: true,
		},
	}
}

// Versions lists what Version knows.
func Versions() []string { return []string{"2.7.29", "2.14.3", "3.0-dev"} }

func releaseOf(version string) release {
	for i, known := range Versions() {
		if version == known || version == strings.TrimSuffix(known, "-dev") {
			return releases()[i]
		}
	}
	panic(fmt.Sprintf("kumatest: unknown version %q; there are %s", version, strings.Join(Versions(), ", ")))
}
