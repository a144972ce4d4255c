package chain

import (
	"crypto/x509"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
)

// certificate is an element of `certificates`, and of what parse_chain returns.
type certificate struct {
	Subject            string   `tfsdk:"subject"`
	Issuer             string   `tfsdk:"issuer"`
	SerialNumber       string   `tfsdk:"serial_number"`
	NotBefore          string   `tfsdk:"not_before"`
	NotAfter           string   `tfsdk:"not_after"`
	PublicKeyAlgorithm string   `tfsdk:"public_key_algorithm"`
	PublicKeySize      int64    `tfsdk:"public_key_size"`
	SignatureAlgorithm string   `tfsdk:"signature_algorithm"`
	IsCA               bool     `tfsdk:"is_ca"`
	PathLength         *int64   `tfsdk:"path_length"`
	KeyUsages          []string `tfsdk:"key_usages"`
	ExtKeyUsages       []string `tfsdk:"ext_key_usages"`
	SubjectKeyID       *string  `tfsdk:"subject_key_id"`
	AuthorityKeyID     *string  `tfsdk:"authority_key_id"`
	URIs               []string `tfsdk:"uris"`
	SHA256Fingerprint  string   `tfsdk:"sha256_fingerprint"`
	PEM                string   `tfsdk:"pem"`
}

func certificateObject() schema.NestedAttributeObject {
	text := func(description string) schema.Attribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: description}
	}
	list := func(description string) schema.Attribute {
		return schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: description}
	}
	return schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
		"subject":              text("Subject, as in RFC 2253."),
		"issuer":               text("Issuer, as in RFC 2253."),
		"serial_number":        text("Serial number in lowercase hex, two digits for each byte."),
		"not_before":           text("Start of validity (RFC 3339)."),
		"not_after":            text("Expiry date (RFC 3339)."),
		"public_key_algorithm": text("`RSA`, `ECDSA`, `Ed25519`, `DSA` or `unknown`."),
		"public_key_size":      schema.Int64Attribute{Computed: true, MarkdownDescription: "Size of the public key in bits, or 0 if the algorithm is unknown."},
		"signature_algorithm":  text("Signature algorithm: `SHA256-RSA`, `ECDSA-SHA256`, `Ed25519` and others."),
		"is_ca":                schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether the certificate is a CA (basic constraint)."},
		"path_length":          schema.Int64Attribute{Computed: true, MarkdownDescription: "Number of CAs that the certificate allows below itself, or null if there is no limit."},
		"key_usages":           list("Key usages, by their names in RFC 5280, such as `keyCertSign` and `cRLSign`."),
		"ext_key_usages":       list("Extended key usages, by their names in RFC 5280, such as `serverAuth`. Object identifiers for others."),
		"subject_key_id":       text("Subject key identifier in lowercase hex, or null."),
		"authority_key_id":     text("Authority key identifier in lowercase hex, or null."),
		"uris":                 list("URIs of the subject alternative name, such as a SPIFFE ID."),
		"sha256_fingerprint":   text("SHA-256 of the certificate (DER) in lowercase hex."),
		"pem":                  text("The certificate in PEM."),
	}}
}

// certificateType is the type of a certificate.
func certificateType() attr.Type { return certificateObject().Type() }

func certificatesFrom(certificates []*x509.Certificate) []certificate {
	values := make([]certificate, 0, len(certificates))
	for _, c := range certificates {
		info := pki.Describe(c)
		value := certificate{
			Subject:            info.Subject,
			Issuer:             info.Issuer,
			SerialNumber:       info.SerialNumber,
			NotBefore:          info.NotBefore.Format(time.RFC3339),
			NotAfter:           info.NotAfter.Format(time.RFC3339),
			PublicKeyAlgorithm: info.PublicKeyAlgorithm,
			PublicKeySize:      int64(info.PublicKeySize),
			SignatureAlgorithm: info.SignatureAlgorithm,
			IsCA:               info.IsCA,
			KeyUsages:          append([]string{}, info.KeyUsages...), // an empty list, not null
			ExtKeyUsages:       append([]string{}, info.ExtKeyUsages...),
			SubjectKeyID:       unlessEmpty(info.SubjectKeyID),
			AuthorityKeyID:     unlessEmpty(info.AuthorityKeyID),
			URIs:               append([]string{}, info.URIs...),
			SHA256Fingerprint:  info.SHA256Fingerprint,
			PEM:                info.PEM,
		}
		if length := int64(info.PathLength); length >= 0 {
			value.PathLength = &length
		}
		values = append(values, value)
	}
	return values
}

func unlessEmpty(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
