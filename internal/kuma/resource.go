package kuma

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// A Type is a type of resource of the control plane, as in `/_resources`.
// Versions differ in types and paths.
type Type struct {
	Name string `json:"name"`
	// Path is the segment of the URL for the type.
	Path string `json:"path"`
	// Scope is "Mesh" or "Global".
	Scope string `json:"scope"`
	// ReadOnly reports whether this control plane accepts no writes of the type.
	// On a zone of a global control plane, this is so for all types.
	ReadOnly bool `json:"readOnly"`
	// Policy is null for a type that is not a policy.
	Policy json.RawMessage `json:"policy"`
}

// InMesh reports whether objects of the type belong to a mesh.
func (t Type) InMesh() bool { return t.Scope == "Mesh" }

// IsPolicy reports whether the type is a policy.
func (t Type) IsPolicy() bool { return len(t.Policy) > 0 && !bytes.Equal(t.Policy, []byte("null")) }

// Types returns the types of resources of the control plane, sorted by name. It
// sends one request in a run.
func (c *Client) Types(ctx context.Context) ([]Type, error) {
	return c.store.types(ctx)
}

func (s httpStore) types(ctx context.Context) ([]Type, error) {
	types, err := s.peekTypes(ctx)
	if !Transient(err) {
		return slices.Clone(types), err
	}
	document, err := s.getDocument(ctx, "_resources", nil) // the caller has more time than a preflight read
	if err != nil {
		return nil, err
	}
	return typesIn(document)
}

// peekTypes returns the types of resources, read and parsed once in a run, without
// retries. The result is shared: do not change it.
func (c *Client) peekTypes(ctx context.Context) ([]Type, error) {
	return once(ctx, c, "types", c.api, func(ctx context.Context) ([]Type, error) {
		document, err := c.getUpTo(ctx, "_resources", nil, 0)
		if err != nil {
			return nil, err
		}
		return typesIn(document)
	})
}

// typesIn returns the types in a document of `/_resources`, sorted by name.
func typesIn(document *Document) ([]Type, error) {
	var types []Type
	if err := document.Decode("resources", &types); err != nil {
		return nil, err
	}
	slices.SortFunc(types, func(a, b Type) int { return cmp.Compare(a.Name, b.Name) })
	return types, nil
}

// typeNamed returns a type from a sorted list, and whether it is there.
func typeNamed(types []Type, name string) (t Type, found bool) {
	at, found := slices.BinarySearchFunc(types, name, func(t Type, name string) int { return cmp.Compare(t.Name, name) })
	if found {
		t = types[at]
	}
	return t, found
}

// Version returns the version that the control plane reports, or "unknown" if
// it reports none.
func (c *Client) Version(ctx context.Context) string {
	return cmp.Or(c.quote(c.description(ctx).Version, longestName), "unknown")
}

// An ObjectKey identifies an object of any type. Mesh is "" for a type of scope
// Global.
type ObjectKey struct {
	Type       Type
	Mesh, Name string
	// Anywhere includes, for a read, objects that the client does not write: on
	// Kubernetes, those with the name NAME.NAMESPACE of another namespace.
	Anywhere bool
}

func (k ObjectKey) key() key {
	return key{path: collection(k.Type, k.Mesh) + "/" + url.PathEscape(k.Name), kind: k.Type.Name, mesh: k.Mesh, name: k.Name, anywhere: k.Anywhere}
}

// collection returns the path of all objects of a type, in one mesh or in all.
func collection(t Type, mesh string) string {
	if mesh == "" {
		return t.Path
	}
	return meshPath(mesh) + "/" + t.Path
}

// Object reads an object of any type. The error is [Absent] if the object or
// its mesh does not exist. The result is shared: do not change it.
func (c *Client) Object(ctx context.Context, of ObjectKey, age MaxAge) (*Document, error) {
	k := of.key()
	name := k.path
	if k.anywhere {
		name = objectReads + "anywhere/" + name
	}
	return share(ctx, c, name, age, func() (*Document, error) { return c.store.get(ctx, k, age) })
}

// Objects returns the objects of a type, in one mesh or, with "", in all. The error
// is [Absent] if the mesh does not exist. On Kubernetes, objects of other namespaces
// than that of the control plane have the name NAME.NAMESPACE, and are included if
// the address of the control plane is configured.
func (c *Client) Objects(ctx context.Context, of Type, mesh string) ([]*Document, error) {
	return c.store.list(ctx, key{path: collection(of, mesh), kind: of.Name, mesh: mesh, anywhere: true}, Fresh)
}

// ObjectsAsOf is [Client.Objects] with an answer that may be older. The result is
// shared: do not change it.
func (c *Client) ObjectsAsOf(ctx context.Context, of Type, mesh string, age MaxAge) ([]*Document, error) {
	return share(ctx, c, collection(of, mesh), age, func() ([]*Document, error) { return c.Objects(ctx, of, mesh) })
}

// WriteObject creates or changes an object: it calls edit to change a copy of
// current (nil for a new object), writes it, and reads it back. After a
// conflict with another client, it reads the object again and repeats the
// write. An object together with an error is one that was written, or may have
// been: *UnverifiedError reports a write that succeeded but could not be read
// back. warnings are the texts of the control plane.
func (c *Client) WriteObject(ctx context.Context, of ObjectKey, current *Document, edit func(*Document) error) (result *Document, warnings []string, err error) {
	k, history := of.key(), c.attempts()
	c.warned.claim(k.path)
	defer c.warned.release(k.path)
	for try := 0; ; try++ {
		document := k.document(nil)
		if current != nil {
			document = current.Clone()
		}
		if err := edit(document); err != nil {
			return nil, nil, err
		}
		_, err := c.put(ctx, k, document, history, c.config.MaxRetries)
		if of.Type.Name == MeshIdentityType {
			c.usages.recordIdentity(of.Mesh, c.config.Clock.Now())
		}
		warnings := c.warned.take(k.path)
		switch {
		case err == nil:
			back, err := c.Object(ctx, of, anew)
			if err != nil {
				return document, warnings, &UnverifiedError{Err: err}
			}
			return back, warnings, nil
		case !conflict(err) || try == c.config.MaxRetries:
			if Uncertain(err) {
				return document, nil, err
			}
			return nil, nil, err
		}
		if err := c.pause(ctx, request{method: http.MethodPut, path: k.path}, history); err != nil {
			return nil, nil, err
		}
		if current, err = c.Object(ctx, of, anew); err != nil && !Absent(err) {
			return nil, nil, err
		}
	}
}

// DeleteObject deletes an object. It succeeds if the object or its mesh does
// not exist.
func (c *Client) DeleteObject(ctx context.Context, of ObjectKey) error {
	return c.delete(ctx, of.key())
}

// ModificationTime returns the time of the last write of the object, by the clock
// of the server that has it, or a later time. It is zero if that is unknown. See
// [Client.TwoClocks].
func (d *Document) ModificationTime() (time.Time, error) {
	modified := d.written
	err := d.Decode("modificationTime", &modified)
	return modified, err
}

// A Warning is a string of the control plane about a write that it accepted.
type Warning struct {
	// Path is the path of the object, relative to the address of the control
	// plane.
	Path, Text string
}

// warned collects the warnings of one client, each once.
type warned struct {
	mu      sync.Mutex
	seen    map[Warning]bool
	new     []Warning
	claimed map[string]int // paths whose warnings [warned.take] takes out, by number of claims
}

// claim keeps the warnings about one object for [warned.take].
func (w *warned) claim(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.claimed == nil {
		w.claimed = map[string]int{}
	}
	w.claimed[path]++
}

// release ends a claim.
func (w *warned) release(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.claimed[path]--
}

// add records warnings that are new.
func (w *warned) add(path string, texts []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, text := range texts {
		warning := Warning{path, text}
		if w.seen[warning] {
			continue
		}
		if w.seen == nil {
			w.seen = map[Warning]bool{}
		}
		w.seen[warning] = true
		w.new = append(w.new, warning)
	}
}

// take removes the warnings about one object, and returns them.
func (w *warned) take(path string) (texts []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.new = slices.DeleteFunc(w.new, func(warning Warning) bool {
		if warning.Path == path {
			texts = append(texts, warning.Text)
		}
		return warning.Path == path
	})
	return texts
}

// Warnings returns the warnings about writes since its last call, each once,
// without those of [Client.WriteObject].
func (c *Client) Warnings() []Warning {
	c.warned.mu.Lock()
	defer c.warned.mu.Unlock()
	var found []Warning
	c.warned.new = slices.DeleteFunc(c.warned.new, func(warning Warning) bool {
		claimed := c.warned.claimed[warning.Path] > 0
		if !claimed {
			found = append(found, warning)
		}
		return !claimed
	})
	return found
}

// PermissionTypes returns the types of policies that allow requests between
// proxies. In a mesh with mTLS and none of them, every request is denied.
func PermissionTypes() []string { return []string{"MeshTrafficPermission", "TrafficPermission"} }

// HasPermission reports whether a mesh has a policy that may allow requests
// between proxies. known is false if the control plane does not show that.
func (c *Client) HasPermission(ctx context.Context, mesh string) (there, known bool) {
	types, err := c.Types(ctx)
	if err != nil {
		return false, false
	}
	for _, t := range types {
		if !slices.Contains(PermissionTypes(), t.Name) {
			continue
		}
		objects, err := c.Objects(ctx, t, mesh)
		switch {
		case err != nil:
			return false, false
		case len(objects) > 0:
			return true, true
		}
		known = true
	}
	return false, known
}
