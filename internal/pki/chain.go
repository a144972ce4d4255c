package pki

import (
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
)

// CheckChain checks an issuing chain, closest CA first: each certificate by
// itself, then how they relate. An empty chain has no problems, because
// [ParseCertificates] has reported why it is empty.
func CheckChain(chain []*x509.Certificate, o Options) Problems {
	return checkChain(chain, o).finished()
}

func checkChain(chain []*x509.Certificate, o Options) Problems {
	var ps Problems
	firstAt := map[string]int{}
	var links []link
	for i, cert := range chain {
		checkCertificate(&ps, i, cert, o)
		if !checkDuplicate(&ps, i, cert, firstAt) {
			links = append(links, link{i, cert}) // a copy is ignored after this
		}
	}
	if len(links) > 0 && checkOrder(&ps, links) {
		checkPathLengths(&ps, links)
		checkLast(&ps, links[len(links)-1])
	}
	return ps
}

// A link is a certificate of a chain and its position.
type link struct {
	index int
	cert  *x509.Certificate
}

func (l link) String() string { return fmt.Sprintf("certificate %d (%s)", l.index, subjectOf(l.cert)) }

// checkOrder checks that each certificate is signed by the next, and reports
// whether they all are.
func checkOrder(ps *Problems, links []link) bool {
	var broken []int
	for i := range len(links) - 1 {
		switch signedBy(links[i].cert, links[i+1].cert) {
		case notSigned:
			broken = append(broken, i)
		case unchecked:
			reason, remedy := whyUnchecked(links[i].cert, links[i+1].cert)
			ps.addFor(Warning, RuleSignatureUnchecked, links[i].index, links[i].cert,
				"The issuer of this certificate is the next one, %s, but the provider cannot verify the signature: %s. %s",
				links[i+1], reason, remedy)
		}
	}
	if len(broken) == 0 {
		return true
	}
	first := links[broken[0]]
	if order, ok := workingOrder(links); ok {
		ps.addFor(Error, RuleChainOrder, first.index, first.cert,
			"The next certificate, %s, did not sign this one. A chain starts with the CA whose key you use, and goes up to "+
				"the root. This order works:%s\n"+
				"To sort the certificates:\n"+
				"  provider::kongmesh::order_chain(var.chain)",
			links[broken[0]+1], order)
		return false
	}
	for _, i := range broken {
		ps.addFor(Error, RuleChainOrder, links[i].index, links[i].cert, "%s", whyNotSigned(links[i], links[i+1]))
	}
	return false
}

// workingOrder returns the certificates in an order that makes a chain, one in
// each line.
func workingOrder(links []link) (string, bool) {
	certs := make([]*x509.Certificate, len(links))
	at := map[*x509.Certificate]link{}
	for i, l := range links {
		certs[i] = l.cert
		at[l.cert] = l
	}
	ordered, err := Order(certs)
	if err != nil {
		return "", false
	}
	var lines strings.Builder
	for _, cert := range ordered {
		lines.WriteString("\n  " + at[cert].String())
	}
	return lines.String(), true
}

// whyUnchecked returns why crypto/x509 cannot verify the signature of a
// certificate, and the advice.
func whyUnchecked(cert, issuer *x509.Certificate) (reason, remedy string) {
	switch {
	case rsaBits(issuer) > 0 && rsaBits(issuer) < 1024:
		return fmt.Sprintf("its key has %d bits, and libraries reject keys of less than 1024 bits", rsaBits(issuer)),
			"Create a new CA with a key of 2048 bits or more, or ECDSA P-256."
	case signatureName(cert) == rsaPSS:
		return "it is signed with RSA-PSS in a form that TLS libraries reject, such as a salt with another length than the " +
				"hash",
			"Issue it again with a salt of that length (openssl's -sigopt rsa_pss_saltlen:digest), or with RSA PKCS #1 v1.5."
	default:
		return fmt.Sprintf("it is signed with %s, which libraries no longer support", signatureName(cert)), "Issue it again with SHA-256."
	}
}

func whyNotSigned(l, next link) string {
	switch {
	case IsSelfSigned(l.cert):
		return fmt.Sprintf("This certificate is self-signed, so the chain ends here, and %s does not belong to it. Remove that "+
			"certificate. If proxies must also trust it, add it to the trusted certificates, separately from the chain.", next)
	case string(l.cert.RawIssuer) != string(next.cert.RawSubject):
		return fmt.Sprintf("%s issued this certificate, but the next one is %s. Put the certificate of the issuer after it.",
			issuerOf(l.cert), next)
	default:
		which := "that signed this certificate"
		if id := l.cert.AuthorityKeyId; len(id) > 0 {
			which = "with the subject key identifier " + strings.ToUpper(hex.EncodeToString(id))
		}
		return fmt.Sprintf("The next certificate, %s, has the name of the issuer but another key, and did not sign this one: "+
			"several CAs have that name. Use the certificate of the CA %s.", next, which)
	}
}

// checkPathLengths counts as RFC 5280, 4.2.1.9 does: the CAs below a
// certificate that are not self-issued, without the proxy certificate.
func checkPathLengths(ps *Problems, links []link) {
	below := 0
	for _, l := range links {
		if limit := pathLength(l.cert); limit >= 0 && below > limit {
			ps.addFor(Warning, RulePathLength, l.index, l.cert,
				"The path length of this CA allows %s below it, and the chain has %d. Proxies can reject certificates from "+
					"this chain. Issue this CA again with pathlen:%d or more, or without a path length, or use a CA closer to it.", numberOfCAs(limit), below, below)
		}
		if !selfIssued(l.cert) {
			below++
		}
	}
}

func numberOfCAs(n int) string {
	switch n {
	case 0:
		return "no CA"
	case 1:
		return "1 CA"
	default:
		return fmt.Sprintf("%d CAs", n)
	}
}

func checkLast(ps *Problems, last link) {
	switch {
	case IsSelfSigned(last.cert):
	case selfIssued(last.cert):
		ps.addFor(Warning, RuleLastNotSelfSigned, last.index, last.cert,
			"This certificate names itself as its issuer, but its own key did not sign it: it is damaged, or another CA "+
				"has the same name. Put the self-signed certificate of the root last.")
	default:
		ps.addFor(Warning, RuleLastNotSelfSigned, last.index, last.cert,
			"The chain ends here, below its root. This works if every peer accepts an intermediate CA as the end of a "+
				"chain. Append the certificate of its issuer, %s.", issuerOf(last.cert))
	}
}
