package kumatest

import "slices"

func secretType() *resourceType {
	return &resourceType{
		name: "Secret", path: "secrets", in: inAll, traits: both | adminOnly | isSecret, schema: secretSchema(),
		special: special{checkDelete: (*ControlPlane).checkSecretDelete},
	}
}

// checkSecretDelete rejects the deletion of a secret that a backend of its mesh uses.
func (cp *ControlPlane) checkSecretDelete(secret *resource) violations {
	mesh, ok := cp.mesh(secret.mesh)
	if !ok {
		return nil
	}
	return checkUse(mesh, secret.name)
}

// checkUse rejects the deletion of a secret that a backend of a mesh uses.
func checkUse(mesh *resource, secret string) violations {
	var broken violations
	for _, backend := range mesh.document.object("mtls").objects("backends") {
		if name := backend.text("name"); slices.Contains(usedSecrets(mesh.name, backend), secret) {
			broken.add("name", "The secret %q that you are trying to remove is currently in use in Mesh %q in mTLS backend %q. "+
				"Please remove the reference from the %q backend before removing the secret.", secret, mesh.name, name, name)
		}
	}
	return broken
}

func secretSchema() *message {
	return &message{fields: []field{{name: "data", kind: bytesKind}}}
}
