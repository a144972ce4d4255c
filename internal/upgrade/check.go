package upgrade

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// A finding is a problem with the document that has it.
type finding struct {
	kind, mesh, name string
	problem
}

// isChecked reports whether documents of a type can have problems.
func isChecked(t kuma.Type) bool {
	_, gone := replacements()[t.Name]
	_, differs := differences()[t.Name]
	return gone || differs || t.IsPolicy() || t.Name == kuma.MeshIdentityType || slices.Contains(hostTypes(), t.Name)
}

// hostTypes returns the types whose names become part of host names.
func hostTypes() []string {
	return []string{kuma.MeshType, "MeshService", "MeshExternalService", "MeshMultiZoneService", "Zone"}
}

// check returns the problems of a document of a control plane of version 2 or,
// with the same result, of version 3.
func check(t kuma.Type, document node) []problem {
	if isGenerated(t, document) {
		return nil
	}
	if advice, gone := replacements()[t.Name]; gone {
		return []problem{{"", refused, fmt.Sprintf("Kuma 3.0 does not have the type %s. %s, and delete this %[1]s before the upgrade.", t.Name, advice)}}
	}
	var found []problem
	if slices.Contains(hostTypes(), t.Name) {
		found = append(found, checkHostName(document)...)
	}
	for _, difference := range differences()[t.Name] {
		found = append(found, difference.problems(document)...)
	}
	if t.IsPolicy() {
		found = slices.Concat(found, checkFrom(t.Name, document), checkReferences(document))
	}
	for i := range found {
		switch found[i].effect {
		case dropped:
			found[i].message = "Kuma 3.0 ignores this part. " + found[i].message
		case refused:
			found[i].message = "Kuma 3.0 rejects this document. " + found[i].message
		}
	}
	return found
}

// isGenerated reports whether the control plane writes a document itself, and
// writes it again after the upgrade.
func isGenerated(t kuma.Type, document node) bool {
	labels := document.to("labels")
	return labels.to("kuma.io/managed-by").isSet() || t.Name == "Dataplane" && labels.to("kuma.io/env").text() == "kubernetes"
}

// hostLabel is the form of a name in a host name (RFC 1035).
var hostLabel = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`)

// checkHostName checks a name, which is that of the user even if the control
// plane has a longer one.
func checkHostName(document node) []problem {
	name := document.to("name").text()
	if own := document.to("labels").to("kuma.io/display-name").text(); own != "" {
		name = own
	}
	if hostLabel.MatchString(name) {
		return nil
	}
	return []problem{{"name", refused, "A name is part of host names: it has at most 63 lowercase letters, digits and dashes, begins with a letter, and " +
		"does not end with a dash. Create the object again under such a name."}}
}

// exclusive is the mode of MeshServices that version 3.0 always has.
const exclusive = "Exclusive"

// checkMeshServices checks the mode of MeshServices of a mesh of version 2.
func checkMeshServices(mesh node) []problem {
	mode := mesh.to("meshServices").to("mode")
	if mode.text() == exclusive {
		return nil
	}
	return []problem{{mode.path, changed, "Kuma 3.0 behaves as with mode Exclusive: a proxy reaches services as MeshServices, and not by the tag " +
		"kuma.io/service. Set mode Exclusive in version 2.14, and check that all traffic still arrives."}}
}

// nodeOf returns a document as a node.
func nodeOf(document *kuma.Document) (node, error) {
	var value map[string]any
	err := json.Unmarshal(document.Bytes(), &value)
	return node{"", value}, err
}
