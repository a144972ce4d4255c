package kumatest_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

func TestSecondBackend(t *testing.T) {
	for _, test := range []struct {
		name    string
		options []kumatest.Option
		status  int
		product string
	}{
		{"Kuma", nil, 400, "Kuma"},
		{"Kong Mesh", []kumatest.Option{kumatest.KongMesh()}, 200, "Kong Mesh"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cp := kumatest.New(test.options...)
			mustContain(t, do(t, cp, "GET", "/", nil, 200), `"product": "`+test.product+`"`)
			do(t, cp, "PUT", "/meshes/m", newMesh("m", nil), 201)
			cert, key := newCA(t)
			putSecret(t, cp, "m", "cert", cert)
			putSecret(t, cp, "m", "key", key)
			do(t, cp, "PUT", "/meshes/m", newMesh("m", provided("cert", "key", "a")), 200)
			do(t, cp, "PUT", "/meshes/m", newMesh("m", provided("cert", "key", "a", "b")), test.status)
			do(t, cp, "PUT", "/meshes/m", newMesh("m", provided("cert", "key", "b")), test.status)
		})
	}
}

func TestMeshWithProxies(t *testing.T) {
	cp := kumatest.New()
	do(t, cp, "PUT", "/meshes/m", newMesh("m", nil), 201)
	do(t, cp, "PUT", "/meshes/m/dataplanes/d", `{"type":"Dataplane","mesh":"m","name":"d","networking":{"address":"10.0.0.1",`+
		`"inbound":[{"port":80,"tags":{"kuma.io/service":"a"}}]}}`, 201)
	mustContain(t, do(t, cp, "DELETE", "/meshes/m", nil, 400), "still some dataplanes attached")
	do(t, cp, "DELETE", "/meshes/m/dataplanes/d", nil, 200)
	do(t, cp, "DELETE", "/meshes/m", nil, 200)
	do(t, cp, "GET", "/meshes/m/meshtimeouts", nil, 404)
}

// TestVerbatim: what the control plane does not know comes back byte for byte, and what it knows is checked.
func TestVerbatim(t *testing.T) {
	const foreign = `"future":{"z":1.50,"a":[9007199254740993,1E2,-0.0],"html":"<&>"},"routing":{"zoneEgress":false,"later": "é"}`
	cp := kumatest.New(kumatest.Verbatim())
	do(t, cp, "PUT", "/meshes/m", `{"type":"Mesh","name":"m",`+foreign+`,"labels":{"team":"a"}}`, 201)
	got := do(t, cp, "GET", "/meshes/m", nil, 200)
	if !bytes.HasSuffix(got, []byte(foreign+"}")) {
		t.Errorf("got %s", got)
	}
	if !json.Valid(got) {
		t.Error("that is no JSON")
	}
	do(t, cp, "PUT", "/meshes/m", `{"type":"Mesh","name":"m","routing":{"zoneEgress":true},"future":{}}`, 400)

	plain := kumatest.New()
	do(t, plain, "PUT", "/meshes/m", `{"type":"Mesh","name":"m",`+foreign+`}`, 201)
	if bytes.Contains(do(t, plain, "GET", "/meshes/m", nil, 200), []byte("future")) {
		t.Error("a control plane of today keeps what it does not know")
	}
}

// TestReadOnly: nobody may write but Do, which stands for where the resources come from.
func TestReadOnly(t *testing.T) {
	server := kumatest.NewServer(kumatest.ReadOnly())
	defer server.Close()
	if status, _ := send(t, server, "PUT", "/meshes/m", "", newMesh("m", nil)); status != 405 {
		t.Errorf("status %d", status)
	}
	do(t, server.ControlPlane, "PUT", "/meshes/m", newMesh("m", nil), 201)
	do(t, server.ControlPlane, "GET", "/meshes/m", nil, 200)
}

func TestMode(t *testing.T) {
	for mode, options := range map[string][]kumatest.Option{"zone": nil, "global": {kumatest.Global()}} {
		var config struct{ Mode string }
		if err := json.Unmarshal(do(t, kumatest.New(options...), "GET", "/config", nil, 200), &config); err != nil {
			t.Fatal(err)
		}
		if config.Mode != mode {
			t.Errorf("mode %q, want %q", config.Mode, mode)
		}
	}
}

// TestInsight: what a control plane makes itself can be put behind its back, and is seen in the overview.
func TestInsight(t *testing.T) {
	server := kumatest.NewServer()
	defer server.Close()
	const path = "/meshes/default/dataplanes/d"
	do(t, server.ControlPlane, "PUT", path, `{"type":"Dataplane","mesh":"default","name":"d","networking":{"address":"10.0.0.1",`+
		`"inbound":[{"port":80,"tags":{"kuma.io/service":"a"}}]}}`, 201)
	insight := object{"type": "DataplaneInsight", "mesh": "default", "name": "d", "mTLS": object{"issuedBackend": "ca"}}
	const insightPath = "/meshes/default/dataplane-insights/d"
	if status, _ := send(t, server, "PUT", insightPath, "", insight); status != 405 {
		t.Errorf("status %d", status)
	}
	do(t, server.ControlPlane, "PUT", insightPath, insight, 201)
	var overview struct {
		DataplaneInsight struct {
			MTLS struct{ IssuedBackend string }
		}
	}
	if err := json.Unmarshal(do(t, server.ControlPlane, "GET", path+"/_overview", nil, 200), &overview); err != nil {
		t.Fatal(err)
	}
	if got := overview.DataplaneInsight.MTLS.IssuedBackend; got != "ca" {
		t.Errorf("the overview has %q", got)
	}
}

func TestUnknownVersion(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	kumatest.Version("1.0")
}
