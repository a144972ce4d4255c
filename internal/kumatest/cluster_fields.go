package kumatest

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
)

// Kubernetes notes which client wrote which member of an object, in metadata.managedFields: a tree of members, in which
// "." is the object itself. A list is written as a whole.
type fieldTree = map[string]any

// A fieldManager is what one client owns of an object.
type fieldManager struct {
	name, operation string
	time            string
	fields          fieldTree
}

const (
	byApply  = "Apply"
	byUpdate = "Update"
)

// owned returns the part of an object that has owners.
func (o *clusterObject) owned() map[string]any {
	part := map[string]any{}
	for name, value := range o.content {
		if name != "apiVersion" && name != "kind" && name != "metadata" {
			part[name] = value
		}
	}
	metadata := map[string]any{}
	for _, name := range []string{"labels", "ownerReferences"} {
		if value, ok := o.metadata()[name]; ok {
			metadata[name] = value
		}
	}
	if annotation, ok := o.annotations()[defaultsAnnotation]; ok {
		metadata["annotations"] = map[string]any{defaultsAnnotation: annotation}
	}
	if len(metadata) > 0 {
		part["metadata"] = metadata
	}
	return part
}

// treeOf returns all members of a value as a tree. An object without "." is one that every object has.
func treeOf(value any, dot bool) fieldTree {
	members, ok := value.(map[string]any)
	tree := fieldTree{}
	if !ok || len(members) == 0 {
		return tree
	}
	if dot {
		tree["."] = fieldTree{}
	}
	for name, member := range members {
		tree["f:"+name] = treeOf(member, true)
	}
	return tree
}

// written returns the tree of what differs in after.
func written(before, after map[string]any) fieldTree {
	tree := fieldTree{}
	for name, value := range after {
		was, had := before[name]
		wasObject, isObject := was.(map[string]any)
		object, becomes := value.(map[string]any)
		switch {
		case name == "ownerReferences" || name == "roleRef":
			if !had {
				tree["f:"+name] = keyedTree(value)
			}
		case !had && name == "metadata":
			tree["f:"+name] = written(nil, object)
		case !had && name == "annotations": // the webhook has made the object
			tree["f:"+name] = written(map[string]any{}, object)
		case !had:
			tree["f:"+name] = treeOf(value, true)
		case isObject && becomes:
			if inner := written(wasObject, object); len(inner) > 0 {
				tree["f:"+name] = inner
			}
		case !reflect.DeepEqual(was, value):
			tree["f:"+name] = fieldTree{}
		}
	}
	return tree
}

// keyedTree is the tree of a list whose items have a key, or of an object that is written as a whole.
func keyedTree(value any) fieldTree {
	items, ok := value.([]any)
	if !ok {
		return fieldTree{}
	}
	tree := fieldTree{".": fieldTree{}}
	for _, item := range items {
		if owner, ok := item.(map[string]any); ok {
			tree[`k:{"uid":"`+text(owner["uid"])+`"}`] = fieldTree{}
		}
	}
	return tree
}

// without takes what another client wrote out of a tree.
func without(tree, other fieldTree) fieldTree {
	left := maps.Clone(tree)
	for name, taken := range other {
		inner, ok := left[name].(fieldTree)
		switch {
		case !ok:
			continue
		case len(taken.(fieldTree)) == 0:
			delete(left, name)
			continue
		case len(inner) == 0: // an empty object, which another client has filled
			continue
		}
		if rest := without(inner, taken.(fieldTree)); len(rest) > 0 {
			left[name] = rest
		} else {
			delete(left, name)
		}
	}
	return left
}

func union(a, b fieldTree) fieldTree {
	all := maps.Clone(a)
	for name, other := range b {
		if inner, ok := all[name].(fieldTree); ok {
			all[name] = union(inner, other.(fieldTree))
		} else {
			all[name] = other
		}
	}
	return all
}

// note notes what a client changed. An object of which nothing was ever noted stays one.
func (o *clusterObject) note(manager, now string, before *clusterObject) {
	was := map[string]any{}
	if before != nil {
		if was = before.owned(); len(before.managers) == 0 {
			return
		}
	}
	is := o.owned()
	added, removed := written(was, is), written(is, was)
	for i := range o.managers {
		if m := &o.managers[i]; m.name != manager || m.operation != byUpdate {
			m.fields = without(m.fields, added)
		}
		o.managers[i].fields = without(o.managers[i].fields, missing(removed, is))
	}
	o.own(fieldManager{manager, byUpdate, now, added})
}

// missing is what of a tree is not in an object.
func missing(tree fieldTree, members map[string]any) fieldTree {
	left := fieldTree{}
	for name, inner := range tree {
		value, there := members[name[min(2, len(name)):]]
		if object, ok := value.(map[string]any); ok && there {
			if rest := missing(inner.(fieldTree), object); len(rest) > 0 {
				left[name] = rest
			}
		} else if !there && name != "." {
			left[name] = inner
		}
	}
	return left
}

// own adds what a client owns to what it owned before, and drops who owns nothing.
func (o *clusterObject) own(m fieldManager) {
	i := slices.IndexFunc(o.managers, func(other fieldManager) bool { return other.name == m.name && other.operation == m.operation })
	switch {
	case len(m.fields) == 0:
	case i < 0:
		o.managers = append(o.managers, m)
	default:
		o.managers[i] = fieldManager{m.name, m.operation, m.time, union(o.managers[i].fields, m.fields)}
	}
	o.managers = slices.DeleteFunc(o.managers, func(m fieldManager) bool { return len(m.fields) == 0 })
	slices.SortStableFunc(o.managers, func(a, b fieldManager) int {
		return cmp.Or(cmp.Compare(a.operation, b.operation), cmp.Compare(a.time, b.time), cmp.Compare(a.name, b.name))
	})
}

// described are the managers as an object shows them.
func (o *clusterObject) described() []any {
	var all []any
	for _, m := range o.managers {
		all = append(all, map[string]any{
			"manager": m.name, "operation": m.operation, "apiVersion": o.kind.apiVersion(), "time": m.time,
			"fieldsType": "FieldsV1", "fieldsV1": m.fields,
		})
	}
	return all
}
