// Package kuma is a client of the HTTP API of a Kuma or Kong Mesh control plane.
//
// It knows two kinds of documents, meshes and secrets, and keeps both as the
// JSON text the control plane sent: a change replaces the members it is about
// and leaves every other byte alone, so that nothing another tool or a later
// version put there is lost. It knows nothing of Terraform.
package kuma
