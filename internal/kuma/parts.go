package kuma

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// EditObject lets edit change the value of a member that is an object, an empty
// one when the member is absent. A change that leaves nothing in it takes the
// member out; without a change no byte is touched.
func (d *Document) EditObject(name string, edit func(*Document) error) error {
	object, err := d.Object(name)
	if err != nil {
		return err
	}
	if err := edit(object); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	d.setObject(name, object)
	return nil
}

// Items are the objects in a member that is a list, none when the member is
// absent.
func (d *Document) Items(name string) ([]*Document, error) {
	var entries []json.RawMessage
	if err := d.Decode(name, &entries); err != nil {
		return nil, err
	}
	items := make([]*Document, 0, len(entries))
	for i, entry := range entries {
		item, err := ParseDocument(entry)
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", name, i, err)
		}
		items = append(items, item)
	}
	return items, nil
}

// EditItems changes a member that is a list of objects. edit gets each item and
// its index, may change it, and tells whether it stays; more are the items to
// add at the end. A list that nothing is left in goes; without a change no byte
// is touched.
func (d *Document) EditItems(name string, edit func(index int, item *Document) (keep bool, err error), more ...*Document) error {
	items, err := d.Items(name)
	if err != nil {
		return err
	}
	list := d.Get(name)
	if list == nil {
		list = json.RawMessage("[]")
	}
	for i, item := range items { // the first ones first: edit may rely on it
		keep, err := edit(i, item)
		if err != nil {
			return fmt.Errorf("%s[%d]: %w", name, i, err)
		}
		if !keep {
			items[i] = nil
		}
	}
	for i, item := range slices.Backward(items) {
		at := elements(list)[i]
		switch {
		case item == nil:
			list = remove(list, i)
		case !bytes.Equal(list[at.start:at.end], item.Bytes()):
			list = splice(list, at.start, at.end, item.Bytes())
		}
	}
	for _, item := range more {
		list = insert(list, item.Bytes())
	}
	switch {
	case bytes.Equal(list, d.Get(name)):
	case len(elements(list)) > 0:
		d.Set(name, list)
	case d.Get(name) != nil:
		d.Delete(name)
	}
	return nil
}

// difference lists the members in which two documents differ, as paths of the
// form `networking.outbound.passthrough`, lists as a whole.
func difference(a, b *Document) []string {
	var paths []string
	seen := map[string]bool{}
	for _, e := range append(elements(a.raw), elements(b.raw)...) {
		x, y := a.Get(e.name), b.Get(e.name)
		if seen[e.name] || bytes.Equal(x, y) {
			continue
		}
		seen[e.name] = true
		left, errLeft := a.Object(e.name)
		right, errRight := b.Object(e.name)
		var below []string
		if errLeft == nil && errRight == nil {
			below = difference(left, right)
		}
		if len(below) == 0 {
			paths = append(paths, e.name)
		}
		for _, path := range below {
			paths = append(paths, e.name+"."+path)
		}
	}
	return paths
}

// Meshes lists all meshes, all pages of them.
func (c *Client) Meshes(ctx context.Context) ([]*Mesh, error) {
	return objects(ctx, c, "meshes", MeshType, "", func(document *Document) *Mesh { return &Mesh{Document: document} })
}
