package tfkit

import (
	"crypto/x509"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	datasource "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
)

// CertificateFields are the attributes of each element of a list of certificates.
type CertificateFields []certificateField

type certificateField struct {
	name        string
	kind        attr.Type
	description string
	value       func(pki.CertificateInfo) attr.Value
}

// AllCertificateFields returns all attributes of a certificate.
func AllCertificateFields() CertificateFields {
	texts := types.ListType{ElemType: types.StringType}
	return CertificateFields{
		text("subject", "Subject, as in RFC 2253.", func(c pki.CertificateInfo) string { return c.Subject }),
		text("issuer", "Issuer, as in RFC 2253.", func(c pki.CertificateInfo) string { return c.Issuer }),
		text("serial_number", "Serial number in lowercase hex, two digits for each byte.", func(c pki.CertificateInfo) string { return c.SerialNumber }),
		text("not_before", "Start of validity (RFC 3339).", func(c pki.CertificateInfo) string { return c.NotBefore.Format(time.RFC3339) }),
		text("not_after", "Expiry date (RFC 3339).", func(c pki.CertificateInfo) string { return c.NotAfter.Format(time.RFC3339) }),
		text("public_key_algorithm", "`RSA`, `ECDSA`, `Ed25519`, `DSA` or `unknown`.", func(c pki.CertificateInfo) string { return c.PublicKeyAlgorithm }),
		{"public_key_size", types.Int64Type, "Size of the public key in bits, or 0 if the algorithm is unknown.", func(c pki.CertificateInfo) attr.Value { return types.Int64Value(int64(c.PublicKeySize)) }},
		text("signature_algorithm", "Signature algorithm: `SHA256-RSA`, `ECDSA-SHA256`, `Ed25519` and others.", func(c pki.CertificateInfo) string { return c.SignatureAlgorithm }),
		{"is_ca", types.BoolType, "Whether the certificate is a CA (basic constraint).", func(c pki.CertificateInfo) attr.Value { return types.BoolValue(c.IsCA) }},
		{"path_length", types.Int64Type, "Number of CAs that the certificate allows below itself, or null if there is no limit.", pathLength},
		{"key_usages", texts, "Key usages, by their names in RFC 5280, such as `keyCertSign` and `cRLSign`.", func(c pki.CertificateInfo) attr.Value { return textList(c.KeyUsages) }},
		{"ext_key_usages", texts, "Extended key usages, by their names in RFC 5280, such as `serverAuth`. Object identifiers for others.", func(c pki.CertificateInfo) attr.Value { return textList(c.ExtKeyUsages) }},
		text("subject_key_id", "Subject key identifier in lowercase hex, or null.", func(c pki.CertificateInfo) string { return c.SubjectKeyID }),
		text("authority_key_id", "Authority key identifier in lowercase hex, or null.", func(c pki.CertificateInfo) string { return c.AuthorityKeyID }),
		{"uris", texts, "URIs of the subject alternative name, such as a SPIFFE ID.", func(c pki.CertificateInfo) attr.Value { return textList(c.URIs) }},
		text("sha256_fingerprint", "SHA-256 of the certificate (DER) in lowercase hex.", func(c pki.CertificateInfo) string { return c.SHA256Fingerprint }),
		text("pem", "The certificate in PEM.", func(c pki.CertificateInfo) string { return c.PEM }),
	}
}

// text returns a field with a string. Subjects and issuers may be empty, others
// are then null.
func text(name, description string, of func(pki.CertificateInfo) string) certificateField {
	return certificateField{name, types.StringType, description, func(c pki.CertificateInfo) attr.Value {
		if name == "subject" || name == "issuer" {
			return types.StringValue(of(c))
		}
		return Optional(of(c))
	}}
}

// Only returns the fields with these names.
func (f CertificateFields) Only(names ...string) CertificateFields {
	return slices.DeleteFunc(f, func(field certificateField) bool { return !slices.Contains(names, field.name) })
}

// Type returns the type of an element.
func (f CertificateFields) Type() types.ObjectType {
	all := map[string]attr.Type{}
	for _, field := range f {
		all[field.name] = field.kind
	}
	return types.ObjectType{AttrTypes: all}
}

// DataSource returns the attributes of an element in a data source.
func (f CertificateFields) DataSource() map[string]datasource.Attribute {
	all := map[string]datasource.Attribute{}
	for _, field := range f {
		all[field.name] = Computed(field.kind, field.description)
	}
	return all
}

// Computed returns the attribute of a data source for a value of a type: a
// string, a number, a boolean, or a list or map of these.
func Computed(of attr.Type, description string) datasource.Attribute {
	switch of := of.(type) {
	case types.ListType:
		return datasource.ListAttribute{Computed: true, ElementType: of.ElemType, MarkdownDescription: description}
	case types.MapType:
		return datasource.MapAttribute{Computed: true, ElementType: of.ElemType, MarkdownDescription: description}
	}
	switch of {
	case types.BoolType:
		return datasource.BoolAttribute{Computed: true, MarkdownDescription: description}
	case types.Int64Type:
		return datasource.Int64Attribute{Computed: true, MarkdownDescription: description}
	case types.Float64Type:
		return datasource.Float64Attribute{Computed: true, MarkdownDescription: description}
	}
	return datasource.StringAttribute{Computed: true, MarkdownDescription: description}
}

// Resource returns the attributes of an element in a resource.
func (f CertificateFields) Resource() map[string]schema.Attribute {
	all := map[string]schema.Attribute{}
	for name, attribute := range f.DataSource() {
		all[name] = attribute
	}
	return all
}

// List returns certificates as a value.
func (f CertificateFields) List(certificates []*x509.Certificate) types.List {
	elements := make([]attr.Value, 0, len(certificates))
	for _, certificate := range certificates {
		info, values := pki.Describe(certificate), map[string]attr.Value{}
		for _, field := range f {
			values[field.name] = field.value(info)
		}
		elements = append(elements, types.ObjectValueMust(f.Type().AttrTypes, values))
	}
	return types.ListValueMust(f.Type(), elements)
}

func pathLength(c pki.CertificateInfo) attr.Value {
	if c.PathLength < 0 {
		return types.Int64Null()
	}
	return types.Int64Value(int64(c.PathLength))
}

// textList returns a list of strings, which is empty and not null without any.
func textList(texts []string) attr.Value {
	values := make([]attr.Value, len(texts))
	for i, text := range texts {
		values[i] = types.StringValue(text)
	}
	return types.ListValueMust(types.StringType, values)
}
