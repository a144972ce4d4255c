package kumatest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	displayAnnotation  = "kuma.io/display-name"
	defaultsAnnotation = "k8s.kuma.io/mesh-defaults-generated"
	controlPlaneClient = "kuma-cp"
	// defaultsAfter is how long the control plane takes to note on a new mesh that it has made its policies (measured: 1.1 to
	// 2.5 s). It changes the version of the object.
	defaultsAfter = 2 * time.Second

	ofMesh   = "system.kuma.io/secret"
	ofNoMesh = "system.kuma.io/global-secret"
)

// A clusterObject is an object of the API server. Of what the control plane knows it is one form, and the resource the other.
type clusterObject struct {
	kind            clusterKind
	namespace, name string
	content         map[string]any // as JSON has it
	managers        []fieldManager
	resource        *resource // nil when the control plane does not see it
	warnings        []string  // of the API server and of the webhooks, about the last write
}

func (o *clusterObject) clone() *clusterObject {
	copied := *o
	copied.content, _ = cloneValue(o.content).(map[string]any)
	copied.managers = slices.Clone(o.managers)
	return &copied
}

func cloneValue(value any) any {
	switch value := value.(type) {
	case map[string]any:
		copied := make(map[string]any, len(value))
		for name, member := range value {
			copied[name] = cloneValue(member)
		}
		return copied
	case []any:
		copied := make([]any, len(value))
		for i := range value {
			copied[i] = cloneValue(value[i])
		}
		return copied
	}
	return value
}

func (o *clusterObject) metadata() map[string]any { return memberOf(o.content, "metadata") }

func (o *clusterObject) labels() map[string]string {
	labels := map[string]string{}
	for name, value := range memberOf(o.metadata(), "labels") {
		labels[name] = text(value)
	}
	return labels
}

func (o *clusterObject) annotations() map[string]any { return memberOf(o.metadata(), "annotations") }

func (o *clusterObject) annotate(name, value string) {
	annotations := o.annotations()
	if annotations == nil {
		annotations = map[string]any{}
		o.metadata()["annotations"] = annotations
	}
	annotations[name] = value
}

func (o *clusterObject) version() string { return text(o.metadata()["resourceVersion"]) }

func (o *clusterObject) uid() string { return text(o.metadata()["uid"]) }

// decode reads the object into a struct. It has the form of one, or it would not be there.
func (o *clusterObject) decode(into any) { _ = json.Unmarshal(mustMarshal(o.content), into) }

func memberOf(of map[string]any, name string) map[string]any {
	value, _ := of[name].(map[string]any)
	return value
}

func text(value any) string {
	is, _ := value.(string)
	return is
}

// parseObject keeps numbers as they were written.
func parseObject(raw []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var content map[string]any
	err := decoder.Decode(&content)
	return content, err
}

// show is the object as an answer has it: that of a list has no kind when Kubernetes itself knows it.
func (o *clusterObject) show(inList bool) map[string]any {
	shown := maps.Clone(o.content)
	metadata := maps.Clone(o.metadata())
	if len(o.managers) > 0 {
		metadata["managedFields"] = o.described()
	}
	shown["metadata"] = metadata
	if inList && !o.kind.custom() {
		delete(shown, "kind")
		delete(shown, "apiVersion")
	}
	return shown
}

func (c *Cluster) now() string { return c.time().Format(time.RFC3339) }

// time is that of the API server.
func (c *Cluster) time() time.Time { return c.cp.now().Add(c.cp.clusterAhead).UTC() }

func (c *Cluster) nextVersion() string {
	c.changes++
	return strconv.Itoa(100 + c.changes)
}

// stamp gives a new object what the API server gives it.
func (c *Cluster) stamp(o *clusterObject) {
	metadata := o.metadata()
	metadata["uid"] = fmt.Sprintf("%08x-7465-4374-9000-%012d", uint32(c.time().Unix()), c.changes+1) //nolint:gosec // to differ from another cluster's
	metadata["creationTimestamp"] = c.now()
	metadata["resourceVersion"] = c.nextVersion()
	if o.kind.custom() {
		metadata["generation"] = 1
	}
}

// supersede gives an object its next version, unless it is as it was.
func (c *Cluster) supersede(o, before *clusterObject) (changed bool) {
	metadata, was := o.metadata(), before.metadata()
	for _, name := range []string{"uid", "creationTimestamp", "generation", "resourceVersion", "ownerReferences"} {
		delete(metadata, name)
		if value, ok := was[name]; ok {
			metadata[name] = value
		}
	}
	if reflect.DeepEqual(o.content, before.content) && reflect.DeepEqual(o.managers, before.managers) {
		return false
	}
	metadata["resourceVersion"] = c.nextVersion()
	if generation, ok := was["generation"].(int); ok && !reflect.DeepEqual(o.content["spec"], before.content["spec"]) {
		metadata["generation"] = generation + 1
	}
	return true
}

// synchronize makes objects of what the control plane wrote by itself, or got from elsewhere.
func (c *Cluster) synchronize() {
	for path, o := range c.objects {
		if r := o.resource; r != nil {
			if current, ok := c.cp.store.get(r.kind.name, r.mesh, r.name); !ok {
				delete(c.objects, path)
			} else if current != r {
				c.adopt(current)
			}
		}
	}
	for _, t := range c.cp.types {
		if t.is(made) || t.name == "Dataplane" { // the control plane has no objects of them here, or makes them of Pods
			continue
		}
		for _, r := range c.cp.store.list(t.name, "", nil) {
			if o := c.objects[c.pathOf(r)]; o == nil || o.resource == nil || o.resource.key() != r.key() {
				c.adopt(r)
			}
		}
	}
	c.noteDefaults()
}

// noteDefaults is the control plane's note on a mesh that has its policies.
func (c *Cluster) noteDefaults() {
	for _, o := range c.objects {
		if !o.kind.is("Mesh") || o.annotations()[defaultsAnnotation] != nil || c.cp.now().Sub(o.resource.created) < defaultsAfter {
			continue
		}
		before := o.clone()
		o.annotate(defaultsAnnotation, "true")
		o.note(controlPlaneClient, c.now(), before)
		c.supersede(o, before)
	}
}

// pathOf is where the object of a resource is: in the namespace of its label, or else in that of the control plane.
func (c *Cluster) pathOf(r *resource) string {
	namespace, name := c.placeOf(r)
	return pathOf(kindOf(r.kind), namespace, name)
}

// placeOf splits the name of a resource: outside of the control plane's own namespace, it is NAME.NAMESPACE.
func (c *Cluster) placeOf(r *resource) (namespace, name string) {
	namespace = r.labels[namespaceLabel]
	if name, elsewhere := strings.CutSuffix(r.name, "."+namespace); elsewhere && namespace != "" {
		return namespace, name
	}
	return c.cp.systemNamespace, r.name
}

// adopt makes an object of a resource that did not come through the API server.
func (c *Cluster) adopt(r *resource) {
	path := c.pathOf(r)
	before := c.objects[path]
	namespace, name := c.placeOf(r)
	o := &clusterObject{kind: kindOf(r.kind), name: name, content: map[string]any{}, resource: r}
	metadata := map[string]any{"name": name}
	if o.kind.namespaced {
		o.namespace = namespace
		metadata["namespace"] = namespace
	}
	o.content["apiVersion"], o.content["kind"], o.content["metadata"] = o.kind.apiVersion(), o.kind.name, metadata
	labels := map[string]any{}
	for name, value := range r.labels {
		if name != displayLabel {
			labels[name] = value
		}
	}
	if len(labels) > 0 {
		metadata["labels"] = labels
	}
	content, err := parseObject(r.content)
	if err != nil {
		panic(err) // the content of a resource is a JSON object
	}
	switch {
	case r.kind.is(isSecret):
		o.content["type"], o.content["data"] = ofMesh, map[string]any{"value": content["data"]}
		if r.mesh == "" {
			o.content["type"] = ofNoMesh
		}
	case r.kind.is(specified):
		o.content["spec"] = content["spec"]
		if status, ok := content["status"]; ok {
			o.content["status"] = status
		}
	default:
		o.content["spec"] = content
		if r.mesh != "" {
			o.content["mesh"] = r.mesh
		}
	}
	if before != nil {
		o.managers = slices.Clone(before.managers)
		if annotations := before.annotations(); annotations != nil {
			metadata["annotations"] = maps.Clone(annotations)
		}
		o.note(controlPlaneClient, c.now(), before)
		c.supersede(o, before)
		c.objects[path] = o
		return
	}
	if c.cp.store.owns(r) {
		c.own(o, r.mesh)
	}
	o.note(controlPlaneClient, c.now(), nil)
	if o.kind.custom() {
		o.annotate(displayAnnotation, name)
	}
	if r.kind.is(isMesh) { // one that is there from the start has its policies, too
		o.annotate(defaultsAnnotation, "true")
		o.own(fieldManager{controlPlaneClient, byUpdate, c.now(), fieldTree{"f:metadata": fieldTree{"f:annotations": fieldTree{"f:" + defaultsAnnotation: fieldTree{}}}}})
	}
	c.stamp(o)
	c.objects[path] = o
}

// own makes a mesh the owner of an object, which is deleted with it.
func (c *Cluster) own(o *clusterObject, mesh string) {
	if owner := c.objects[pathOf(kindOf(c.cp.typeOf("Mesh")), "", mesh)]; owner != nil {
		o.metadata()["ownerReferences"] = []any{map[string]any{"apiVersion": "kuma.io/v1alpha1", "kind": "Mesh", "name": mesh, "uid": owner.uid()}}
	}
}

// show is the object of a resource.
func (c *Cluster) show(r *resource) map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.synchronize()
	return c.objects[c.pathOf(r)].show(false)
}
