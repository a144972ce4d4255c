package kuma

import "errors"

// IdentityCA returns where the CA of a MeshIdentity is. The control plane
// generates one in secrets of its own if the identity asks for it. Both sources
// are empty if the identity does not issue from a CA that the control plane has.
func IdentityCA(identity *Document) (certificate, key DataSource, err error) {
	bundled, err := bundledOf(identity)
	if err != nil {
		return certificate, key, err
	}
	generated, err := valueAt[bool](bundled, "autogenerate", "enabled")
	if err != nil {
		return certificate, key, err
	}
	if generated {
		labels, labelsErr := identity.AllLabels()
		name, nameErr := identity.Name()
		if own := labels["kuma.io/display-name"]; own != "" {
			name = own
		}
		return DataSource{Secret: name + "-root-ca"}, DataSource{Secret: name + "-private-key"}, errors.Join(labelsErr, nameErr)
	}
	return identitySources(bundled)
}

// bundledOf returns the settings of the provider Bundled of a MeshIdentity.
func bundledOf(identity *Document) (*Document, error) {
	return identity.ObjectAt("spec", "provider", "bundled")
}

// identitySources returns the sources of the user's own CA.
func identitySources(bundled *Document) (certificate, key DataSource, err error) {
	ca, err := bundled.Object("ca")
	if err != nil {
		return certificate, key, err
	}
	certificate, certificateErr := identitySource(ca, "certificate")
	key, keyErr := identitySource(ca, "privateKey")
	return certificate, key, errors.Join(certificateErr, keyErr)
}

// identitySource returns a source of the CA. Only the member of its type counts.
func identitySource(ca *Document, member string) (source DataSource, err error) {
	var is struct {
		Type           string
		SecretRef      struct{ Name string }
		InsecureInline struct{ Value string }
		File           struct{ Path string }
		EnvVar         struct{ Name string }
	}
	if err := ca.Decode(member, &is); err != nil {
		return source, err
	}
	switch is.Type {
	case "Secret":
		source.Secret = is.SecretRef.Name
	case "InsecureInline":
		source.InlineString = is.InsecureInline.Value
	case "File":
		source.File = is.File.Path
	case "EnvVar":
		source.EnvVar = is.EnvVar.Name
	}
	return source, nil
}

// TrustBundles returns the PEM texts of the bundles of a MeshTrust.
func TrustBundles(trust *Document) ([]string, error) {
	var bundles []struct {
		PEM struct{ Value string } `json:"pem"`
	}
	if err := trust.DecodeAt(&bundles, "spec", "caBundles"); err != nil {
		return nil, err
	}
	texts := make([]string, len(bundles))
	for i, bundle := range bundles {
		texts[i] = bundle.PEM.Value
	}
	return texts, nil
}
