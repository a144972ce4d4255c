package kumatest_test

import (
	"net/http"
	"testing"
	"time"
)

// TestTrust_comparesFirstCertificate has MeshTrusts of a user with the names of identities: the CA of an identity is added
// unless it is the first certificate of a bundle.
func TestTrust_comparesFirstCertificate(t *testing.T) {
	it := newIdentityTest(t)
	it.putCA("ca")
	cert, _ := newCA(t)
	other := string(cert)
	var secret struct{ Data []byte }
	decode(t, do(t, it.ControlPlane, http.MethodGet, "/meshes/m/secrets/ca-cert", nil, http.StatusOK), &secret)
	own := string(secret.Data)
	const nonsense = "-----BEGIN NONSENSE-----\nAAAA\n-----END NONSENSE-----\n"
	for name, test := range map[string]struct {
		bundle string
		want   int
	}{
		"same": {own, 1}, "first": {own + other, 1}, "second": {other + own, 2}, "text": {"text\n" + own, 1},
		"other": {other, 2}, "nonsense": {nonsense, 2},
	} {
		do(t, it.ControlPlane, http.MethodPut, "/meshes/m/meshtrusts/"+name, object{
			"type": "MeshTrust", "mesh": "m", "name": name, "labels": object{"a": "b"},
			"spec": object{"trustDomain": "d.example", "caBundles": []any{object{"type": "Pem", "pem": object{"value": test.bundle}}}},
		}, http.StatusCreated)
		it.put(name, secrets("ca"))
		it.wait(10 * time.Second)
		var trust trustDocument
		decode(t, do(t, it.ControlPlane, http.MethodGet, "/meshes/m/meshtrusts/"+name, nil, http.StatusOK), &trust)
		if len(trust.Spec.CABundles) != test.want || trust.Status.Origin.KRI != "kri_mid_m_default__"+name+"_" || trust.Labels["a"] != "b" || trust.Spec.TrustDomain != "d.example" {
			t.Errorf("%s: %+v", name, trust)
		}
	}
}

// TestTrust_refusesInvalidCA has an identity whose CA no MeshTrust may have: the trust of the user stays as it is.
func TestTrust_refusesInvalidCA(t *testing.T) {
	it := newIdentityTest(t)
	cert, key := newCA(t)
	do(t, it.ControlPlane, http.MethodPut, "/meshes/m/meshtrusts/i", object{
		"type": "MeshTrust", "mesh": "m", "name": "i",
		"spec": object{"trustDomain": "d.example", "caBundles": []any{object{"type": "Pem", "pem": object{"value": string(cert)}}}},
	}, http.StatusCreated)
	inline := func(value string) object {
		return object{"type": "InsecureInline", "insecureInline": object{"value": value}}
	}
	it.put("i", object{"insecureAllowSelfSigned": true, "ca": object{"certificate": inline(string(key)), "privateKey": inline(string(key))}})
	it.wait(5 * time.Second)
	mustContain(t, do(t, it.ControlPlane, http.MethodGet, "/meshes/m/meshidentities/i", nil, http.StatusOK),
		"spec.caBundles[1].pem.value: provided certificate has incorrect format")
	if trust := it.trusts()["default/i"]; len(trust.Spec.CABundles) != 1 || trust.Status.Origin.KRI != "" {
		t.Errorf("%+v", trust)
	}
}
