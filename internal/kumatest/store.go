package kumatest

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"
)

// A resource is an object in the store. It never changes; a write replaces it.
type resource struct {
	kind     *resourceType
	mesh     string // empty for a global type
	name     string
	labels   map[string]string
	created  time.Time
	modified time.Time

	document *document       // the parsed document, if the type has a schema
	spec     map[string]any  // the parsed spec, if the type has one
	status   json.RawMessage // for a type that has one, nil if there is none yet
	content  json.RawMessage // the members besides the metadata, as one JSON object
	verbatim bool            // content is returned without changes

	before *resource // the previous version
	age    int       // a lower number means created earlier
}

type key struct {
	kind, mesh, name string
}

func (r *resource) key() key { return key{r.kind.name, r.mesh, r.name} }

// A store has the resources in memory. Each method is atomic; lockMesh guards sequences of them.
type store struct {
	mu        sync.RWMutex
	resources map[key]*resource
	owned     map[key][]key // by owner: what is deleted with it
	created   int           // number of resources created so far

	meshLocks keyedMutex
}

func newStore() *store {
	return &store{resources: map[key]*resource{}, owned: map[key][]key{}}
}

func (s *store) get(kind, mesh, name string) (*resource, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, ok := s.resources[key{kind, mesh, name}]
	return r, ok
}

// ownedBy returns the key of a mesh as the owner of what is deleted with it. The zero key means no owner.
func ownedBy(mesh string) key {
	if mesh == "" {
		return key{}
	}
	return key{"Mesh", "", mesh}
}

// put stores r. With an owner, it is deleted together with that resource; otherwise, it stays.
func (s *store) put(r *resource, owner key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, ok := s.resources[r.key()]; ok {
		last := *before
		last.before = nil
		r.before, r.age = &last, before.age
	} else {
		s.created++
		r.age = s.created
	}
	s.resources[r.key()] = r
	if owner != (key{}) {
		s.owned[owner] = append(s.owned[owner], r.key())
	}
}

// delete removes one resource and all that it owns.
func (s *store) delete(r *resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deleteTree(r.key())
}

func (s *store) deleteTree(root key) {
	delete(s.resources, root)
	children := s.owned[root]
	delete(s.owned, root)
	for _, child := range children {
		s.deleteTree(child)
	}
}

// list returns the resources of a kind that keep accepts, in all meshes if mesh is empty, sorted by mesh and name.
func (s *store) list(kind, mesh string, keep func(*resource) bool) []*resource {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found []*resource
	for k, r := range s.resources {
		if k.kind == kind && (mesh == "" || k.mesh == mesh) && (keep == nil || keep(r)) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b *resource) int {
		return cmp.Or(cmp.Compare(a.mesh, b.mesh), cmp.Compare(a.name, b.name))
	})
	return found
}

// lockMesh makes the caller the only writer of a mesh and its resources, until it calls unlock.
func (s *store) lockMesh(mesh string) (unlock func()) { return s.meshLocks.lock(mesh) }

// cloneLabels returns a copy that may be changed.
func cloneLabels(labels map[string]string) map[string]string {
	clone := maps.Clone(labels)
	if clone == nil {
		clone = map[string]string{}
	}
	return clone
}

// owns reports whether a resource goes together with its mesh.
func (s *store) owns(r *resource) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Contains(s.owned[ownedBy(r.mesh)], r.key())
}
