package kuma

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// An objectKind is how Kubernetes has the objects of a type of the control plane.
type objectKind struct {
	// root is the path of the API group and version, and name the kind.
	root, plural, name string
	// namespaced objects are in the system namespace, and others in the whole cluster.
	namespaced bool
	// bare objects have in spec what the HTTP API has at the top of a document, and
	// their mesh beside it. Others have the document's spec, and their mesh as a label.
	bare bool
	// secret is the type of a secret, "" for an object of another kind.
	secret string
}

// coreKind returns how Kubernetes has what each control plane has, or nil.
func coreKind(name string) *objectKind {
	switch name {
	case MeshType:
		return &objectKind{root: kumaObjects, plural: "meshes", name: MeshType, bare: true}
	case SecretType:
		return &objectKind{root: "api/v1", plural: "secrets", name: "Secret", namespaced: true, secret: ofMesh}
	case GlobalSecretType:
		return &objectKind{root: "api/v1", plural: "secrets", name: "Secret", namespaced: true, secret: ofNoMesh}
	}
	return nil
}

// proxyKinds are the kinds that are bare although they are in namespaces: those without
// spec over HTTP (Kuma 2.14.3, its CRDs).
func proxyKinds() []string {
	return []string{"Dataplane", "DataplaneInsight", "ZoneEgress", "ZoneEgressInsight", "ZoneIngress", "ZoneIngressInsight"}
}

// kindOf returns how Kubernetes has a type, or nil if the cluster does not have it.
func (s *kubernetesStore) kindOf(ctx context.Context, name string) (*objectKind, error) {
	if core := coreKind(name); core != nil {
		return core, nil
	}
	kinds, err := s.kinds(ctx)
	if err != nil {
		return nil, err
	}
	return kinds.named[name], nil
}

// writable is [kubernetesStore.kindOf] for a write: a type that the cluster does not
// have is an error.
func (s *kubernetesStore) writable(ctx context.Context, name string) (*objectKind, error) {
	kind, err := s.kindOf(ctx, name)
	if err == nil && kind == nil {
		err = &NoKumaError{Address: s.server.Address(), Kind: name}
	}
	return kind, err
}

// clusterKinds are the kinds of Kuma's objects in a cluster. All callers share them.
type clusterKinds struct {
	meshes bool                   // whether it has meshes
	named  map[string]*objectKind // other kinds by name
}

// kinds returns the kinds of Kuma's objects in the cluster. It sends one request in a
// run. The error is a *[NoKumaError] if the cluster has none.
func (s *kubernetesStore) kinds(ctx context.Context) (clusterKinds, error) {
	discovery := request{to: s.server, method: http.MethodGet, path: kumaObjects}
	kinds, err := once(ctx, s.Client, kumaObjects, s.server, func(ctx context.Context) (kinds clusterKinds, err error) {
		document, err := s.ask(ctx, discovery)
		if err != nil {
			return kinds, err
		}
		return kindsIn(document)
	})
	if Transient(err) { // the caller has more time than a preflight read
		var document *Document
		if document, _, err = s.read(ctx, discovery, s.config.MaxRetries); err == nil {
			kinds, err = kindsIn(document)
		}
	}
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusNotFound {
		err = &NoKumaError{Address: s.server.Address()}
	}
	return kinds, err
}

// kindsIn returns the kinds in the description of an API group.
func kindsIn(group *Document) (kinds clusterKinds, err error) {
	var resources []struct {
		Name, Kind string
		Namespaced bool
	}
	if err := group.Decode("resources", &resources); err != nil {
		return kinds, err
	}
	kinds.named = map[string]*objectKind{}
	for _, r := range resources {
		kinds.meshes = kinds.meshes || r.Name == "meshes"
		if r.Kind == "" || strings.Contains(r.Name, "/") || coreKind(r.Kind) != nil { // with a slash, it is a part of an object
			continue
		}
		kinds.named[r.Kind] = &objectKind{
			root: kumaObjects, plural: r.Name, name: r.Kind, namespaced: r.Namespaced,
			bare: !r.Namespaced || slices.Contains(proxyKinds(), r.Kind),
		}
	}
	return kinds, nil
}

// types returns the types of the control plane. Without its address, they are those
// of the cluster.
func (s *kubernetesStore) types(ctx context.Context) ([]Type, error) {
	kinds, err := s.kinds(ctx)
	if err != nil {
		return nil, err
	}
	if s.api.address == nil {
		return typesOfKinds(kinds.named), nil
	}
	all, err := httpStore{s.Client}.types(ctx)
	for i, t := range all { // over HTTP, it accepts no writes at all
		all[i].ReadOnly = kinds.named[t.Name] == nil && coreKind(t.Name) == nil || observed(t.Name)
	}
	return all, err
}

// observed reports whether the control plane alone writes a type.
func observed(name string) bool { return strings.HasSuffix(name, "Insight") }

// typesOfKinds returns types by their names: the cluster does not say which belong to
// a mesh (Kuma 2.14.3 and Kong Mesh 2.10, their types of scope Global).
func typesOfKinds(kinds map[string]*objectKind) []Type {
	inCluster := []string{
		"AccessAudit", "AccessRole", "AccessRoleBinding", "HostnameGenerator", "MeshInsight", "Zone", "ZoneEgress", "ZoneEgressInsight",
		"ZoneIngress", "ZoneIngressInsight", "ZoneInsight",
	}
	onlyThere := []string{"ContainerPatch", "MeshGatewayConfig", "MeshGatewayInstance"} // of no control plane
	types := []Type{{Name: MeshType, Path: "meshes", Scope: "Global"}}
	for name, kind := range kinds {
		scope := "Mesh"
		if slices.Contains(inCluster, name) {
			scope = "Global"
		}
		if !slices.Contains(onlyThere, name) {
			types = append(types, Type{Name: name, Path: kind.plural, Scope: scope, ReadOnly: observed(name)})
		}
	}
	slices.SortFunc(types, func(a, b Type) int { return cmp.Compare(a.Name, b.Name) })
	return types
}

// elsewhere reports whether a name may be that of an object in another namespace: the
// HTTP API has NAME.NAMESPACE.
func (k *objectKind) elsewhere(name string) bool {
	return k.namespaced && k.secret == "" && strings.Contains(name, ".")
}

// group is the API group of a kind.
func (k *objectKind) group() string {
	parts := strings.Split(k.root, "/")
	return strings.Join(parts[1:len(parts)-1], "/")
}

// collection is the path of the objects of a kind.
func (s *kubernetesStore) collection(ctx context.Context, kind *objectKind) (string, error) {
	if !kind.namespaced {
		return kind.root + "/" + kind.plural, nil
	}
	namespace, err := s.namespace(ctx)
	return kind.root + "/namespaces/" + url.PathEscape(namespace) + "/" + kind.plural, err
}

func (s *kubernetesStore) path(ctx context.Context, kind *objectKind, name string) (string, error) {
	collection, err := s.collection(ctx, kind)
	return collection + "/" + url.PathEscape(name), err
}

// namespace is the system namespace of the control plane.
func (s *kubernetesStore) namespace(ctx context.Context) (string, error) {
	if configured := s.config.Kubernetes.Namespace; configured != "" || s.api.address == nil {
		return cmp.Or(configured, defaultNamespace), nil
	}
	config, err := s.peek(ctx, "config", nil)
	if err != nil {
		if Transient(err) { // its secrets must not go anywhere else
			return "", err
		}
		return defaultNamespace, nil
	}
	told, _ := valueAt[string](config, "store", "kubernetes", "systemNamespace") // of another kind it says nothing
	return cmp.Or(told, defaultNamespace), nil
}

// matches reports whether an object is one that a request is about: any mesh, and any
// name, if that has none. An object without a mesh belongs to mesh default, if its type
// has meshes.
func (k key) matches(of key) bool {
	return k.kind == of.kind && (of.name == "" || k.name == of.name) && (of.mesh == "" || of.mesh == cmp.Or(k.mesh, defaultMesh))
}

// keyOf is what an object is: type "" for a secret that is none of Kuma's.
func (k *objectKind) keyOf(object *Document) (key, error) {
	metadata, err := object.Object("metadata")
	if err != nil {
		return key{}, err
	}
	is := key{kind: k.name}
	var (
		withType string
		labels   map[string]string
	)
	err = errors.Join(object.Decode("type", &withType), metadata.Decode("name", &is.name), metadata.Decode("labels", &labels))
	switch {
	case k.secret == "" && !k.bare:
		is.mesh = labels[meshLabel]
	case k.secret == "":
		err = errors.Join(err, object.Decode("mesh", &is.mesh))
	case withType == ofMesh:
		is.kind, is.mesh = SecretType, cmp.Or(labels[meshLabel], defaultMesh)
	case withType == ofNoMesh:
		is.kind = GlobalSecretType
	default:
		is.kind = ""
	}
	return is, err
}

// document is an object in the form of the HTTP API, with the text of its spec as it
// is. date is the time of the answer.
func (s *kubernetesStore) document(kind *objectKind, object *Document, of key, date time.Time) (*Document, error) {
	metadata, err := object.Object("metadata")
	if err != nil {
		return nil, err
	}
	document := of.document(nil)
	document.stored = object
	if kind.secret == "" {
		document.written = s.written(of, metadata, date)
	}
	if created := metadata.Get("creationTimestamp"); created != nil {
		document.Set("creationTime", created)
	}
	if labels := metadata.Get("labels"); labels != nil {
		document.Set("labels", labels)
	}
	switch {
	case kind.secret != "":
		data, err := object.Object("data")
		if err != nil {
			return nil, err
		}
		document.Set("data", firstOf(data.Get(secretValue), text("")))
	case kind.bare:
		spec, err := object.Object("spec")
		if err != nil {
			return nil, err
		}
		for _, e := range spec.members {
			document.Set(e.name, spec.raw[e.start:e.end])
		}
	default:
		for _, name := range []string{"spec", "status"} {
			if value := object.Get(name); value != nil {
				document.Set(name, value)
			}
		}
	}
	return document, nil
}

// written is when an object was last written: as the answer to this client's own
// write had it, or as its managers say, or not after it was read. That is unknown for
// an object of which no manager is known (recording, "writes of a Mesh"). The status
// is no part of what is written.
func (s *kubernetesStore) written(of key, metadata *Document, read time.Time) time.Time {
	s.mu.Lock()
	own, mine := s.wrote[of.objectKey()]
	s.mu.Unlock()
	mine = mine && own.uid == string(metadata.Get("uid"))
	if mine && own.generation == string(metadata.Get("generation")) {
		return own.at
	}
	var managers []struct {
		Time   time.Time                  `json:"time"`
		Fields map[string]json.RawMessage `json:"fieldsV1"`
	}
	newest := time.Time{}
	if metadata.Decode("managedFields", &managers) == nil {
		for _, manager := range managers {
			if _, status := manager.Fields["f:status"]; manager.Time.After(newest) && (!status || len(manager.Fields) > 1) {
				newest = manager.Time
			}
		}
	}
	switch {
	case !newest.IsZero():
		return newest
	case mine:
		return own.at
	}
	return read
}

// firstOf is the first value that exists.
func firstOf(values ...json.RawMessage) json.RawMessage {
	for _, value := range values {
		if value != nil {
			return value
		}
	}
	return nil
}

// objectOf is a document as the object to write. All else that the object was read
// with stays, its version included.
func (s *kubernetesStore) objectOf(ctx context.Context, kind *objectKind, document *Document, of key) (*Document, error) {
	object := document.stored
	if object == nil {
		var err error
		if object, err = s.newObject(ctx, kind, of); err != nil {
			return nil, err
		}
	}
	object = object.Clone()
	err := object.EditObject("metadata", func(metadata *Document) error {
		labels, err := document.Object("labels")
		if err != nil {
			return err
		}
		if of.mesh != "" && !kind.bare && labels.Get(meshLabel) == nil && document.stored == nil {
			labels.Set(meshLabel, text(of.mesh))
		}
		metadata.setObject("labels", labels)
		return nil
	})
	if err != nil {
		return nil, err
	}
	switch {
	case kind.secret != "":
		return object, object.EditObject("data", func(data *Document) error {
			data.Set(secretValue, firstOf(document.Get("data"), text("")))
			return nil
		})
	case kind.bare:
		spec := NewDocument()
		for _, e := range document.members {
			if !slices.Contains([]string{"type", "name", "mesh", "labels", "creationTime", "modificationTime"}, e.name) {
				spec.Set(e.name, document.raw[e.start:e.end])
			}
		}
		object.Set("spec", spec.Bytes())
	default:
		object.Set("spec", firstOf(document.Get("spec"), json.RawMessage("{}")))
	}
	return object, nil
}

func (s *kubernetesStore) newObject(ctx context.Context, kind *objectKind, of key) (*Document, error) {
	object, metadata := NewDocument(), NewDocument()
	metadata.Set("name", text(of.name))
	kind.identify(object)
	if kind.namespaced {
		namespace, err := s.namespace(ctx)
		if err != nil {
			return nil, err
		}
		metadata.Set("namespace", text(namespace))
	}
	if kind.secret != "" {
		object.Set("type", text(kind.secret))
	}
	if kind.bare && of.mesh != "" {
		object.Set("mesh", text(of.mesh))
	}
	object.Set("metadata", metadata.Bytes())
	return object, nil
}

// identify sets what the items of a list may not have.
func (k *objectKind) identify(object *Document) {
	_, version, _ := strings.Cut(k.root, "/") // api/v1, apis/kuma.io/v1alpha1
	object.Set("apiVersion", text(version))
	object.Set("kind", text(k.name))
}
