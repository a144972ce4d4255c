package kumatest

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"log"
	"math/big"
	"net"
	"net/http"
	"time"
)

// A ClusterServer is the API server of a cluster that listens on a port with TLS.
type ClusterServer struct {
	URL string // https://127.0.0.1:PORT
	// CACertificate is what the server's certificate is verified with. ClientCertificate and ClientKey are the
	// administrator's. All are PEM.
	CACertificate, ClientCertificate, ClientKey string
	*Cluster

	http *http.Server
}

// NewClusterServer starts a server at an address, such as 127.0.0.1:0. Close ends it.
func NewClusterServer(cluster *Cluster, address string) (*ClusterServer, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	authority := newAuthority()
	serverCert, serverKey := authority.issue("kube-apiserver", x509.ExtKeyUsageServerAuth)
	clientCert, clientKey := authority.issue("kubernetes-admin", x509.ExtKeyUsageClientAuth)
	pair, err := tls.X509KeyPair([]byte(serverCert), []byte(serverKey))
	if err != nil {
		return nil, err
	}
	known := x509.NewCertPool()
	known.AddCert(authority.certificate)
	s := &ClusterServer{
		URL: "https://" + listener.Addr().String(), Cluster: cluster,
		CACertificate: pemOf("CERTIFICATE", authority.certificate.Raw), ClientCertificate: clientCert, ClientKey: clientKey,
		http: &http.Server{
			Handler: cluster, ReadHeaderTimeout: time.Minute,
			TLSConfig: &tls.Config{
				MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair},
				ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: known,
			},
			ErrorLog: log.New(quiet{}, "", 0),
		},
	}
	go func() {
		if err := s.http.ServeTLS(listener, "", ""); err != http.ErrServerClosed {
			log.Printf("kumatest: %v", err)
		}
	}()
	return s, nil
}

// quiet drops what a server says of handshakes that a client ends.
type quiet struct{}

func (quiet) Write(p []byte) (int, error) { return len(p), nil }

// Close ends the server and every connection to it.
func (s *ClusterServer) Close() { _ = s.http.Close() } // the listener is closed either way

// Kubeconfig is a configuration for kubectl, with the context kumatest of the administrator, and the context kumatest-user.
func (s *ClusterServer) Kubeconfig() string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: kumatest
clusters:
- name: kumatest
  cluster:
    server: %s
    certificate-authority-data: %s
contexts:
- name: kumatest
  context: {cluster: kumatest, user: admin}
- name: kumatest-user
  context: {cluster: kumatest, user: terraform}
users:
- name: admin
  user: {token: %s}
- name: terraform
  user: {token: %s}
`, s.URL, base64.StdEncoding.EncodeToString([]byte(s.CACertificate)), ClusterAdminToken, ClusterUserToken)
}

// An authority issues the certificates of one cluster.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority() *authority {
	key, _ := newKey()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kubernetes"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	return &authority{certify(template, template, key, key), key}
}

func (a *authority) issue(name string, usage x509.ExtKeyUsage) (certPEM, keyPEM string) {
	key, encoded := newKey()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(usage) + 2), Subject: pkix.Name{CommonName: name},
		NotBefore: a.certificate.NotBefore, NotAfter: a.certificate.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	return pemOf("CERTIFICATE", certify(template, a.certificate, key, a.key).Raw), string(encoded)
}

func certify(template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		panic(err) // the templates are the ones above
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return certificate
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
