package kumatest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Tokens that the API server of a [Cluster] knows, to be sent as "Authorization: Bearer TOKEN".
const (
	// ClusterAdminToken is a cluster administrator's.
	ClusterAdminToken = "kumatest-cluster-admin-token"
	// ClusterUserToken is that of the user terraform in the group mesh-writers, who has the roles that are bound to the two.
	ClusterUserToken = "kumatest-cluster-user-token"
)

// A Cluster is the API server of the cluster that a control plane on Kubernetes keeps its objects in: an http.Handler
// over the same store, with the control plane's webhooks in it. It answers what a client of meshes and secrets asks
// for, and no more.
type Cluster struct {
	cp *ControlPlane

	mu      sync.Mutex
	objects map[string]*clusterObject // by path
	changes int                       // resource versions given so far
	down    bool                      // the control plane does not answer its webhooks
	earlier map[string]earlierMesh    // what the webhooks' cache may still have
}

// An earlierMesh is a mesh as it was until a moment.
type earlierMesh struct {
	mesh  *resource
	until time.Time
}

var _ http.Handler = (*Cluster)(nil)

func newCluster(cp *ControlPlane) *Cluster {
	return &Cluster{cp: cp, objects: map[string]*clusterObject{}, earlier: map[string]earlierMesh{}}
}

// Cluster returns the API server that a control plane with [Kubernetes] has its objects in.
func (cp *ControlPlane) Cluster() *Cluster { return cp.cluster }

// StopWebhooks lets the control plane leave its webhooks without an answer, as one that is down does, or answer them again.
func (c *Cluster) StopWebhooks(down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = down
}

// ServeHTTP answers a request, unless a fault of the control plane does. The request is remembered among those of the
// control plane.
func (c *Cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client went away
	}
	record := &Request{
		Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(),
		Header: r.Header.Clone(), Body: body, Time: c.cp.now(),
	}
	c.cp.recorder.add(record)
	c.cp.delay(r)
	c.cp.fleet.advance()
	strike := c.cp.faults.strike(r, c.cp.now())
	var a answer
	if strike.spoils(false) {
		a = strike.spoil(r, a)
	} else {
		a = c.answer(r, body, nil)
	}
	if strike.spoils(true) {
		a = strike.spoil(r, a)
	}
	c.cp.recorder.answered(record, a)
	w.Header().Set("Date", c.time().Format(http.TimeFormat))
	a.writeTo(w)
}

// Do does what an administrator of the cluster does behind everybody's back, as [ControlPlane.Do] does for the control
// plane. The path may have a query.
func (c *Cluster) Do(method, path string, body any) (status int, response []byte) {
	raw, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("kumatest: the body of %s %s: %v", method, path, err))
	}
	if body == nil {
		raw = nil
	}
	r, err := http.NewRequestWithContext(context.Background(), method, "https://localhost"+path, bytes.NewReader(raw))
	if err != nil {
		panic(fmt.Sprintf("kumatest: %v", err))
	}
	r.Header.Set("Content-Type", "application/json")
	if method == http.MethodPatch {
		r.Header.Set("Content-Type", mergePatch)
	}
	r.Header.Set("User-Agent", "kubectl/test")
	c.cp.fleet.runDue()
	admin := clusterAdmin()
	a := c.answer(r, raw, &admin)
	return a.status, a.body
}

// answer finds out who asks, for what, and lets the handler answer. As is who asks, unless the request says so itself.
func (c *Cluster) answer(r *http.Request, body []byte, as *clusterUser) answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	user := as
	if user == nil {
		known, ok := identifyClusterUser(r)
		if !ok {
			return (&clusterRefusal{code: http.StatusUnauthorized, reason: "Unauthorized", message: "Unauthorized"}).answer()
		}
		user = &known
	}
	c.synchronize()
	a, err := c.serve(r, body, *user)
	if err != nil {
		var refused *clusterRefusal
		if !errors.As(err, &refused) {
			refused = &clusterRefusal{code: http.StatusInternalServerError, reason: "InternalError", message: err.Error()}
		}
		return refused.answer()
	}
	return a
}

func (c *Cluster) serve(r *http.Request, body []byte, user clusterUser) (answer, error) {
	switch {
	case r.URL.Path == "/version":
		return jsonAnswer(http.StatusOK, map[string]string{"major": "1", "minor": "36", "gitVersion": "v1.36.1", "platform": "linux/amd64"}), nil
	case r.URL.Path == "/apis/kuma.io/v1alpha1" && !c.cp.withoutCRDs:
		return jsonAnswer(http.StatusOK, c.discovery()), nil
	case r.URL.Path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" && r.Method == http.MethodPost:
		return c.reviewAccess(r, body, user)
	}
	call, ok := c.parse(r, body, user)
	if !ok {
		return textAnswer(http.StatusNotFound, "404 page not found\n"), nil
	}
	if err := c.authorize(call); err != nil {
		return answer{}, err
	}
	switch call.verb {
	case "get":
		return c.get(call)
	case "list":
		return c.list(call)
	case "create":
		return c.create(call)
	case "update", "patch":
		return c.change(call)
	case "delete":
		return c.delete(call)
	case "deletecollection":
		return c.deleteAll(call)
	}
	return textAnswer(http.StatusMethodNotAllowed, "405: Method Not Allowed"), nil
}

// A clusterKind is a kind of object that the API server has.
type clusterKind struct {
	group, version, plural, name string
	namespaced                   bool
}

func (k clusterKind) root() string {
	if k.group == "" {
		return "/api/" + k.version
	}
	return "/apis/" + k.group + "/" + k.version
}

func (k clusterKind) apiVersion() string { return strings.TrimPrefix(k.group+"/"+k.version, "/") }

// resource is the name of the kind in messages.
func (k clusterKind) resource() string { return strings.TrimSuffix(k.plural+"."+k.group, ".") }

// kind is what webhooks and validation call the kind.
func (k clusterKind) qualified() string { return strings.TrimSuffix(k.name+"."+k.group, ".") }

func (k clusterKind) is(name string) bool { return k.name == name }

const (
	kumaGroup   = "kuma.io"
	accessGroup = "rbac.authorization.k8s.io"
)

func (k clusterKind) custom() bool { return k.group == kumaGroup }

// kinds returns what the API server has, the resources of the control plane included.
func (c *Cluster) kinds() []clusterKind {
	kinds := []clusterKind{
		{version: "v1", plural: "secrets", name: "Secret", namespaced: true},
		{group: accessGroup, version: "v1", plural: "clusterroles", name: "ClusterRole"},
		{group: accessGroup, version: "v1", plural: "clusterrolebindings", name: "ClusterRoleBinding"},
		{group: accessGroup, version: "v1", plural: "roles", name: "Role", namespaced: true},
		{group: accessGroup, version: "v1", plural: "rolebindings", name: "RoleBinding", namespaced: true},
	}
	if c.cp.withoutCRDs {
		return kinds
	}
	for _, t := range c.cp.types {
		if !t.is(isSecret) {
			kinds = append(kinds, kindOf(t))
		}
	}
	return kinds
}

// kindOf returns the kind of the objects of a type.
func kindOf(t *resourceType) clusterKind {
	if t.is(isSecret) {
		return clusterKind{version: "v1", plural: "secrets", name: "Secret", namespaced: true}
	}
	proxies := []string{"Dataplane", "DataplaneInsight", "ZoneEgress", "ZoneEgressInsight", "ZoneIngress", "ZoneIngressInsight"}
	return clusterKind{
		group: kumaGroup, version: "v1alpha1", plural: strings.ReplaceAll(t.path, "-", ""), name: t.name,
		namespaced: t.is(specified) || slices.Contains(proxies, t.name),
	}
}

// A clusterCall is a request for objects of one kind.
type clusterCall struct {
	kind            clusterKind
	verb            string
	namespace, name string
	query           map[string][]string
	body            []byte
	contentType     string
	manager         string
	dryRun          bool
	user            clusterUser
}

func (call *clusterCall) option(name string) string {
	if values := call.query[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// path is where an object of the call's kind and namespace is.
func (call *clusterCall) path(name string) string { return pathOf(call.kind, call.namespace, name) }

func pathOf(kind clusterKind, namespace, name string) string {
	path := kind.root()
	if kind.namespaced {
		path += "/namespaces/" + namespace
	}
	return path + "/" + kind.plural + "/" + name
}

func (c *Cluster) parse(r *http.Request, body []byte, user clusterUser) (*clusterCall, bool) {
	for _, kind := range c.kinds() {
		rest, is := strings.CutPrefix(r.URL.Path, kind.root()+"/")
		if !is {
			continue
		}
		parts := strings.Split(rest, "/")
		call := &clusterCall{kind: kind, query: r.URL.Query(), body: body, contentType: r.Header.Get("Content-Type"), user: user}
		if kind.namespaced {
			if len(parts) < 3 || parts[0] != "namespaces" {
				continue
			}
			call.namespace, parts = parts[1], parts[2:]
		}
		if parts[0] != kind.plural || len(parts) > 2 {
			continue
		}
		if len(parts) == 2 {
			call.name = parts[1]
		}
		call.verb = verbOf(r.Method, call.name != "")
		call.dryRun = call.option("dryRun") == "All"
		call.manager, _, _ = strings.Cut(r.UserAgent(), "/")
		call.manager = firstOf(call.option("fieldManager"), call.manager)
		return call, true
	}
	return nil, false
}

func verbOf(method string, named bool) string {
	switch {
	case method == http.MethodGet && named:
		return "get"
	case method == http.MethodGet:
		return "list"
	case method == http.MethodPost && !named:
		return "create"
	case method == http.MethodPut && named:
		return "update"
	case method == http.MethodPatch && named:
		return "patch"
	case method == http.MethodDelete && named:
		return "delete"
	case method == http.MethodDelete:
		return "deletecollection"
	}
	return ""
}

// namespaces are those that exist.
func (c *Cluster) namespaces() []string {
	return []string{c.cp.systemNamespace, "apps", "default", "kube-system"}
}

// discovery lists the kinds of Kuma's group, as 2.14 has them.
func (c *Cluster) discovery() any {
	type entry struct {
		Name       string   `json:"name"`
		Kind       string   `json:"kind"`
		Namespaced bool     `json:"namespaced"`
		Verbs      []string `json:"verbs"`
	}
	var list struct {
		Kind         string  `json:"kind"`
		APIVersion   string  `json:"apiVersion"`
		GroupVersion string  `json:"groupVersion"`
		Resources    []entry `json:"resources"`
	}
	list.Kind, list.APIVersion, list.GroupVersion = "APIResourceList", "v1", kumaGroup+"/v1alpha1"
	all := []string{"get", "list", "create", "update", "patch", "delete", "deletecollection", "watch"}
	for _, kind := range append(c.kinds(),
		clusterKind{group: kumaGroup, plural: "containerpatches", name: "ContainerPatch", namespaced: true},
		clusterKind{group: kumaGroup, plural: "meshgatewayconfigs", name: "MeshGatewayConfig"},
		clusterKind{group: kumaGroup, plural: "meshgatewayconfigs/status", name: "MeshGatewayConfig"},
		clusterKind{group: kumaGroup, plural: "meshgatewayinstances", name: "MeshGatewayInstance", namespaced: true},
		clusterKind{group: kumaGroup, plural: "meshgatewayinstances/status", name: "MeshGatewayInstance", namespaced: true},
	) {
		if kind.custom() {
			list.Resources = append(list.Resources, entry{kind.plural, kind.name, kind.namespaced, all})
		}
	}
	slices.SortFunc(list.Resources, func(a, b entry) int { return strings.Compare(a.Name, b.Name) })
	return list
}
