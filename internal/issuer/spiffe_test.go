package issuer_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
)

// Two derived certificates shake hands over TLS 1.3, each verifying the other's
// SPIFFE ID with go-spiffe; those of another mesh, service or CA do not.
func TestAccProxyCertificate_handshake(t *testing.T) {
	t.Parallel()
	root := acctest.NewCA(t, "Root CA")
	// Two CAs of one root: who presents a certificate presents its intermediate.
	ours, theirs, strange := root.Intermediate(t, "Mesh CA"), root.Intermediate(t, "Other Mesh CA"), acctest.NewCA(t, "Root CA")
	var config strings.Builder
	for name, proxy := range map[string]struct {
		mesh, service string
		ca            *acctest.CA
	}{
		"web": {"default", "web", ours}, "db": {"default", "db", theirs}, "other_mesh": {"other", "db", ours}, "stranger": {"default", "db", strange},
	} {
		config.WriteString(acctest.Fill("data \"kongmesh_proxy_certificate\" \""+name+"\" {\n  mesh = $mesh\n  services = [$service]"+inline+"}\n",
			"mesh", proxy.mesh, "service", proxy.service, "chain", proxy.ca.Chain, "key", proxy.ca.Key))
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: at(acctest.NewClock(time.Now())),
		Steps: []resource.TestStep{{
			Config: nobody + config.String(),
			Check: func(state *terraform.State) error {
				web := party{t, outputs(state, "web"), "spiffe://default/db", root.Chain}
				for name, wanted := range map[string]struct {
					expects string
					good    bool
				}{
					"db": {"spiffe://default/web", true}, "other_mesh": {"spiffe://default/web", false}, "stranger": {"spiffe://default/web", false},
				} {
					err := handshake(web, party{t, outputs(state, name), wanted.expects, root.Chain})
					if (err == nil) != wanted.good {
						return fmt.Errorf("web and %s: %w", name, err)
					}
				}
				if handshake(web, party{t, outputs(state, "db"), "spiffe://default/api", root.Chain}) == nil {
					return errors.New("db takes web for another service")
				}
				return nil
			},
		}},
	})
}

// A party of a handshake has a certificate, expects an ID, and trusts the roots.
type party struct {
	t       *testing.T
	outputs map[string]string
	expects string
	roots   string
}

func (p party) config() (*tls.Config, error) {
	certificate, err := tls.X509KeyPair([]byte(p.outputs["certificate"]), []byte(p.outputs["private_key"]))
	if err != nil {
		return nil, err
	}
	id, err := spiffeid.FromString(p.expects)
	if err != nil {
		return nil, err
	}
	bundle := x509bundle.FromX509Authorities(id.TrustDomain(), parse(p.t, p.roots))
	return &tls.Config{
		Certificates:       []tls.Certificate{certificate},
		MinVersion:         tls.VersionTLS13,
		ClientAuth:         tls.RequireAnyClientCert,
		InsecureSkipVerify: true, // verified below, by ID and not by host name
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			return verify(raw, bundle, id)
		},
	}, nil
}

// verify is go-spiffe's verification. It wants exactly one URI (X509-SVID 2), and
// the control plane's certificates have kuma:// URIs as well: those are left out.
func verify(raw [][]byte, bundle x509bundle.Source, wanted spiffeid.ID) error {
	if _, _, err := x509svid.ParseAndVerify(raw, bundle); err == nil || !strings.Contains(err.Error(), "more than one URI SAN") {
		return fmt.Errorf("all URIs together: %w", err)
	}
	var presented []*x509.Certificate
	for _, der := range raw {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		presented = append(presented, certificate)
	}
	leaf := presented[0]
	for i, uri := range leaf.URIs {
		if i > 0 && uri.Scheme != "kuma" {
			return fmt.Errorf("URI %d is %s", i, uri)
		}
	}
	leaf.URIs = leaf.URIs[:1]
	id, _, err := x509svid.Verify(presented, bundle)
	if err != nil {
		return err
	}
	return spiffeid.MatchID(wanted)(id)
}

// handshake lets two parties talk. Its error is either one's.
func handshake(client, server party) error {
	clientConfig, err := client.config()
	if err != nil {
		return err
	}
	serverConfig, err := server.config()
	if err != nil {
		return err
	}
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	served := make(chan error, 1)
	go func() {
		connection := tls.Server(b, serverConfig)
		err := connection.Handshake()
		if err == nil {
			_, err = connection.Write([]byte("hello"))
		}
		served <- err
		b.Close()
	}()
	connection := tls.Client(a, clientConfig)
	_, err = connection.Read(make([]byte, 5)) // a server's refusal comes with the first read
	a.Close()
	if err == nil && connection.ConnectionState().Version != tls.VersionTLS13 {
		err = errors.New("not TLS 1.3")
	}
	return errors.Join(err, <-served)
}

// Two derived certificates of a MeshIdentity shake hands with what go-spiffe
// accepts as X509-SVIDs, without exceptions; those of another ID or CA do not.
func TestAccProxyCertificate_identityHandshake(t *testing.T) {
	t.Parallel()
	root := acctest.NewCA(t, "Root CA")
	ours, strange := root.Intermediate(t, "Mesh CA"), acctest.NewCA(t, "Root CA")
	var config strings.Builder
	for name, proxy := range map[string]struct {
		path string
		ca   *acctest.CA
	}{"web": {"/workload/web", ours}, "db": {"/workload/db", ours}, "stranger": {"/workload/db", strange}} {
		config.WriteString(acctest.Fill("data \"kongmesh_proxy_certificate\" \""+name+"\" {\n  trust_domain = \"payments\"\n  path = $path"+inline+"}\n",
			"path", proxy.path, "chain", proxy.ca.Chain, "key", proxy.ca.Key))
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: at(acctest.NewClock(time.Now())),
		Steps: []resource.TestStep{{
			Config: nobody + config.String(),
			Check: func(state *terraform.State) error {
				web := outputs(state, "web")
				if err := svidHandshake(web, outputs(state, "db"), parse(t, root.Chain), "spiffe://payments/workload/db"); err != nil {
					return err
				}
				for what, other := range map[string][2]string{
					"takes db for another":    {"db", "spiffe://payments/workload/api"},
					"accepts another CA's db": {"stranger", "spiffe://payments/workload/db"},
				} {
					if svidHandshake(web, outputs(state, other[0]), parse(t, root.Chain), other[1]) == nil {
						return fmt.Errorf("web %s", what)
					}
				}
				return nil
			},
		}},
	})
}

// svidHandshake lets a client talk to a server, from which it expects a SPIFFE ID.
func svidHandshake(client, server map[string]string, roots []*x509.Certificate, expected string) error {
	id, err := spiffeid.FromString(expected)
	if err != nil {
		return err
	}
	bundle := x509bundle.FromX509Authorities(id.TrustDomain(), roots)
	own, err := svid(client)
	if err != nil {
		return err
	}
	peer, err := svid(server)
	if err != nil {
		return err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", tlsconfig.MTLSServerConfig(peer, bundle, tlsconfig.AuthorizeMemberOf(id.TrustDomain())))
	if err != nil {
		return err
	}
	defer listener.Close()
	served := make(chan error, 1)
	go func() {
		connection, err := listener.Accept()
		if err == nil {
			_, err = connection.Write([]byte("hello"))
			err = errors.Join(err, connection.Close())
		}
		served <- err
	}()
	connection, err := tls.Dial("tcp", listener.Addr().String(), tlsconfig.MTLSClientConfig(own, bundle, tlsconfig.AuthorizeID(id)))
	if err == nil {
		_, err = connection.Read(make([]byte, 5)) // a server's refusal comes with the first read
		err = errors.Join(err, connection.Close())
	}
	return errors.Join(err, <-served)
}

// svid returns a certificate as go-spiffe has it.
func svid(outputs map[string]string) (*x509svid.SVID, error) {
	pair, err := tls.X509KeyPair([]byte(outputs["certificate"]), []byte(outputs["private_key"]))
	if err != nil {
		return nil, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return nil, err
	}
	return x509svid.ParseRaw(slices.Concat(pair.Certificate...), key)
}
