package kuma

import (
	"context"
	"crypto/sha256"
	"maps"
	"slices"
	"sync"
	"time"
)

// rereadAfter is the time after a write of a mesh at which the client reads it
// once more, if it still sends requests by then. Two writers that do not see
// each other are usually less than a second apart.
const rereadAfter = 3 * time.Second

// Overwritten is a part of a mesh that this client wrote, and that another
// client has changed since: the control plane has no conditional write.
type Overwritten struct {
	Mesh string
	// Fields are paths such as `mtls.backends[ca-1].mode`, sorted.
	Fields []string
	// Written is the time at which this client wrote the mesh, Seen that at
	// which it read the other value.
	Written, Seen time.Time
}

// ownWrites has digests of the values that this client wrote to meshes, by
// path. It compares each read of a mesh with them.
type ownWrites struct {
	mu     sync.Mutex
	count  int // of changes to the fields below: a read that began before one of them is not compared
	meshes map[string]*ownWrite
	due    []string // meshes to read again, in the order of their writes
	busy   bool     // one of them is being read
	found  []Overwritten
}

type ownWrite struct {
	count  int
	at     time.Time
	read   bool // it was read late enough
	values map[string]digest
}

type digest [sha256.Size]byte

// Overwritten returns the findings since its last call.
func (c *Client) Overwritten() []Overwritten {
	c.own.mu.Lock()
	defer c.own.mu.Unlock()
	found := c.own.found
	c.own.found = nil
	return found
}

// writing records that paths of a mesh are about to be written.
func (o *ownWrites) writing(mesh string, paths []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count++
	write := o.meshes[mesh]
	if write == nil {
		return
	}
	write.count = o.count
	for _, path := range paths {
		delete(write.values, path)
	}
}

// wrote records the values at paths that were written and read back.
func (o *ownWrites) wrote(mesh string, paths []string, now *Document, at time.Time) {
	if len(paths) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count++
	if o.meshes == nil {
		o.meshes = map[string]*ownWrite{}
	}
	write := o.meshes[mesh]
	if write == nil {
		write = &ownWrite{values: map[string]digest{}}
		o.meshes[mesh] = write
	}
	write.count, write.at, write.read = o.count, at, false
	values := leaves(now)
	for _, path := range paths {
		write.values[path] = values[path] // the zero digest if it is absent
	}
	o.due = append(o.due, mesh)
}

// forget records that a mesh does not exist any more.
func (o *ownWrites) forget(mesh string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.meshes, mesh)
}

// began returns the argument for compare; call it before a read.
func (o *ownWrites) began() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.count
}

// compare compares a mesh that was read with what was written. quote prepares
// field names for messages.
func (o *ownWrites) compare(mesh string, began int, read *Document, at time.Time, quote func(string) string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	write := o.meshes[mesh]
	if write == nil || began < write.count {
		return
	}
	write.read = write.read || at.Sub(write.at) >= rereadAfter
	values := leaves(read)
	var fields []string
	for _, path := range slices.Sorted(maps.Keys(write.values)) {
		if values[path] != write.values[path] {
			fields = append(fields, quote(path))
			delete(write.values, path)
		}
	}
	if len(fields) > 0 {
		o.found = append(o.found, Overwritten{Mesh: mesh, Fields: fields, Written: write.at, Seen: at})
	}
}

// next returns a mesh to read again now, one at a time. The caller calls done
// after that.
func (o *ownWrites) next(now time.Time) (mesh string, is bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.due) > 0 && !o.busy {
		mesh := o.due[0]
		write := o.meshes[mesh]
		if write != nil && now.Sub(write.at) < rereadAfter {
			return "", false
		}
		if o.due = o.due[1:]; write != nil && !write.read {
			write.read, o.busy = true, true
			return mesh, true
		}
	}
	return "", false
}

func (o *ownWrites) done() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.busy = false
}

// reread reads a mesh some seconds after its write, concurrently with other
// requests: nothing waits for it, and its errors are ignored.
func (c *Client) reread(ctx context.Context) {
	mesh, is := c.own.next(c.config.Clock.Now())
	if !is {
		return
	}
	go func() {
		defer c.own.done()
		_, _ = c.MeshAsOf(context.WithoutCancel(ctx), mesh, anew)
	}()
}

// changed returns the paths at which two documents differ.
func changed(a, b *Document) []string {
	before, after := leaves(a), leaves(b)
	var paths []string
	for path, value := range after {
		if before[path] != value {
			paths = append(paths, path)
		}
	}
	for path := range before {
		if _, there := after[path]; !there {
			paths = append(paths, path)
		}
	}
	return paths
}

// leaves returns digests of all values of a document that are not objects, by
// path. The path of a list item has its name, if all items have one. It omits
// the control plane's own members of a mesh.
func leaves(d *Document) map[string]digest {
	found := map[string]digest{}
	for _, e := range d.members {
		if e.name != "creationTime" && e.name != "modificationTime" {
			addLeaves(found, e.name, d.raw[e.start:e.end])
		}
	}
	return found
}

func addLeaves(found map[string]digest, path string, value []byte) {
	list := elements(value)
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = e.name
		if value[0] == '[' {
			item, err := ParseDocument(value[e.start:e.end])
			if err == nil {
				names[i], err = item.Name()
			}
			if err != nil || names[i] == "" {
				list = nil // not a list of named objects
				break
			}
		}
	}
	if len(list) == 0 {
		found[path] = sha256.Sum256(value)
	}
	for i, e := range list {
		below := path + "." + names[i]
		if value[0] == '[' {
			below = path + "[" + names[i] + "]"
		}
		addLeaves(found, below, value[e.start:e.end])
	}
}
