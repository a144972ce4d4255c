package kumatest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

const (
	mergePatch = "application/merge-patch+json"
	applyPatch = "application/apply-patch+yaml"
)

func base64Of(value []byte) string { return base64.StdEncoding.EncodeToString(value) }

// patched returns an object as a patch changes it.
func patched(call *clusterCall, before *clusterObject) (map[string]any, error) {
	content, _ := cloneValue(before.content).(map[string]any)
	if strings.HasPrefix(call.contentType, mergePatch) {
		patch, err := parseObject(call.body)
		if err != nil {
			return nil, badClusterRequest("%s", err)
		}
		return merged(content, patch), nil
	}
	var operations []struct {
		Op, Path string
		Value    any
	}
	if err := json.Unmarshal(call.body, &operations); err != nil {
		return nil, badClusterRequest("%s", err)
	}
	for _, operation := range operations {
		parts := strings.Split(strings.TrimPrefix(operation.Path, "/"), "/")
		parent, last := descend(content, parts[:len(parts)-1]), parts[len(parts)-1]
		members, ok := parent.(map[string]any)
		if !ok || operation.Op == "test" && !reflect.DeepEqual(members[last], operation.Value) {
			return nil, &clusterRefusal{
				code: http.StatusUnprocessableEntity, reason: "Invalid", message: "the server rejected our request due to an error in our request",
				details: &clusterDetails{},
			}
		}
		switch operation.Op {
		case "add", "replace":
			members[last] = operation.Value
		case "remove":
			delete(members, last)
		}
	}
	return content, nil
}

func descend(value any, parts []string) any {
	for _, part := range parts {
		switch inner := value.(type) {
		case map[string]any:
			value = inner[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(inner) {
				return nil
			}
			value = inner[i]
		}
	}
	return value
}

// merged returns an object with a merge patch (RFC 7396).
func merged(into, patch map[string]any) map[string]any {
	for name, value := range patch {
		inner, isObject := value.(map[string]any)
		switch {
		case value == nil:
			delete(into, name)
		case isObject:
			under := memberOf(into, name)
			if under == nil {
				under = map[string]any{}
			}
			into[name] = merged(under, inner)
		default:
			into[name] = value
		}
	}
	return into
}

// apply is a server-side apply: the members of the request become those of its client, and what the client had before
// and does not have any more goes.
func (c *Cluster) apply(call *clusterCall, before *clusterObject) (answer, error) {
	content, err := parseObject(call.body)
	if err != nil {
		return answer{}, badClusterRequest("%s", err)
	}
	if text(content["kind"]) != call.kind.name || text(content["apiVersion"]) != call.kind.apiVersion() {
		version := text(content["apiVersion"])
		if !strings.Contains(version, "/") {
			version = "/" + version
		}
		return answer{}, badClusterRequest("invalid object type: %s, Kind=%s", version, text(content["kind"]))
	}
	wanted, _, err := c.received(call, content)
	if err != nil {
		return answer{}, err
	}
	wanted.name = call.name
	fields := appliedTree(wanted.owned())
	if before == nil {
		return c.createObject(call, wanted, nil, func() { wanted.own(fieldManager{call.manager, byApply, c.now(), fields}) })
	}
	o := before.clone()
	conflicts := o.contested(call.manager, wanted.owned())
	if len(conflicts) > 0 && call.option("force") != "true" {
		return answer{}, applyConflict(call, conflicts)
	}
	mine := slices.IndexFunc(o.managers, func(m fieldManager) bool { return m.name == call.manager && m.operation == byApply })
	if mine >= 0 {
		dropped := missing(o.managers[mine].fields, wanted.owned())
		for i, m := range o.managers {
			if i != mine {
				dropped = without(dropped, m.fields)
			}
		}
		drop(o.content, dropped)
		o.managers = slices.Delete(o.managers, mine, mine+1)
	}
	merged(o.content, wanted.owned())
	return c.replace(call, o, before, nil, func() {
		for i := range o.managers {
			o.managers[i].fields = withoutAll(o.managers[i].fields, conflicts[o.managers[i].name])
		}
		o.own(fieldManager{call.manager, byApply, c.now(), fields})
	})
}

// appliedTree is the tree of what a client applies: what the API itself describes has no ".".
func appliedTree(part map[string]any) fieldTree {
	tree := fieldTree{}
	for name, value := range part {
		inner := treeOf(value, false)
		if name == "metadata" {
			inner = appliedTree(memberOf(part, "metadata"))
		}
		tree["f:"+name] = inner
	}
	return tree
}

// contested returns the members, by their other owner, that an apply changes.
func (o *clusterObject) contested(manager string, wanted map[string]any) map[string][]string {
	found := map[string][]string{}
	for _, m := range o.managers {
		if m.name != manager || m.operation != byApply {
			if paths := changedUnder(m.fields, o.content, wanted, ""); len(paths) > 0 {
				found[m.name] = paths
			}
		}
	}
	return found
}

func changedUnder(tree fieldTree, is, wanted map[string]any, path string) []string {
	var paths []string
	for _, key := range sortedKeys(tree) {
		name := strings.TrimPrefix(key, "f:")
		now, want := is[name], wanted[name]
		inner, both := want.(map[string]any)
		switch {
		case want == nil || key == ".":
		case both:
			paths = append(paths, changedUnder(tree[key].(fieldTree), memberOf(is, name), inner, path+"."+name)...)
		case !reflect.DeepEqual(now, want):
			paths = append(paths, path+"."+name)
		}
	}
	return paths
}

func applyConflict(call *clusterCall, conflicts map[string][]string) error {
	details := &clusterDetails{}
	var texts []string
	for _, manager := range sortedKeys(conflicts) {
		for _, path := range conflicts[manager] {
			with := fmt.Sprintf("conflict with %q using %s", manager, call.kind.apiVersion())
			details.Causes = append(details.Causes, clusterCause{"FieldManagerConflict", with, path})
			texts = append(texts, with+": "+path)
		}
	}
	return &clusterRefusal{
		code: http.StatusConflict, reason: "Conflict", details: details,
		message: fmt.Sprintf("Apply failed with %d conflict: %s", len(texts), strings.Join(texts, ", ")),
	}
}

// drop removes what a tree names.
func drop(content map[string]any, tree fieldTree) {
	for key, inner := range tree {
		name, whole := strings.CutPrefix(key, "f:")
		under := memberOf(content, name)
		if under != nil && len(inner.(fieldTree)) > 0 {
			drop(under, inner.(fieldTree))
			_, whole = inner.(fieldTree)["."]
		}
		if whole && len(under) == 0 {
			delete(content, name)
		}
	}
}

func withoutAll(tree fieldTree, paths []string) fieldTree {
	for _, path := range paths {
		taken := fieldTree{}
		parts := strings.Split(strings.TrimPrefix(path, "."), ".")
		for _, part := range slices.Backward(parts) {
			taken = fieldTree{"f:" + part: taken}
		}
		tree = without(tree, taken)
	}
	return tree
}
