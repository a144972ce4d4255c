package kumatest

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"
)

// A resource is an object in the store. It is never changed once it is there; a write puts another in its place.
type resource struct {
	kind     *resourceType
	mesh     string // empty for a global type
	name     string
	labels   map[string]string
	created  time.Time
	modified time.Time

	document *document       // what it says, when the type has a schema
	spec     map[string]any  // what its spec says, when the type has one
	content  json.RawMessage // the members that are written out beside the metadata, one JSON object
	verbatim bool            // content is written out untouched

	before *resource // what stood here before the last write
	age    int       // the lower, the earlier it was created
}

type key struct {
	kind, mesh, name string
}

func (r *resource) key() key { return key{r.kind.name, r.mesh, r.name} }

// A store holds the resources in memory. Each method is atomic; what has to hold over several of them is
// guarded by lockMesh.
type store struct {
	mu        sync.RWMutex
	resources map[key]*resource
	owned     map[string][]key // by mesh: what goes when the mesh goes
	created   int              // how many resources there have been

	meshLocks keyedMutex
}

func newStore() *store {
	return &store{resources: map[key]*resource{}, owned: map[string][]key{}}
}

func (s *store) get(kind, mesh, name string) (*resource, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, ok := s.resources[key{kind, mesh, name}]
	return r, ok
}

// put stores r. With an owner it is deleted together with that mesh; without, it stays.
func (s *store) put(r *resource, owner string) {
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
	if owner != "" {
		s.owned[owner] = append(s.owned[owner], r.key())
	}
}

// delete removes one resource, and with a mesh all that it owns.
func (s *store) delete(r *resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.resources, r.key())
	if !r.kind.is(isMesh) {
		return
	}
	for _, k := range s.owned[r.name] {
		delete(s.resources, k)
	}
	delete(s.owned, r.name)
}

// list returns the resources of a kind that keep accepts, in all meshes when mesh is empty, ordered by mesh
// and name.
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

// lockMesh makes the caller the only writer of a mesh and of what is in it, until it calls the function returned.
func (s *store) lockMesh(mesh string) (unlock func()) { return s.meshLocks.lock(mesh) }

// cloneLabels returns a copy that can be written to.
func cloneLabels(labels map[string]string) map[string]string {
	clone := maps.Clone(labels)
	if clone == nil {
		clone = map[string]string{}
	}
	return clone
}
