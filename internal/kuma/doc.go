// Package kuma is a client of the HTTP API of a Kuma or Kong Mesh control
// plane.
//
// It keeps documents, such as meshes and secrets, as the JSON text that the
// control plane sent. A change replaces only the members that it is about, so
// that nothing from another tool or a later version is lost. The package does
// not depend on Terraform.
package kuma
