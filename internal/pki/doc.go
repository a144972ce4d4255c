// Package pki handles the X.509 material of a mesh: it parses, orders and
// checks the certificate authority (CA) of a provided mTLS backend, matches
// private keys to certificates, and issues the certificates that the control
// plane would issue to proxies. It knows nothing of Terraform.
//
// Three notions run through the package:
//
//   - the issuing chain: the CA that signs proxy certificates, then the CA
//     that signed it, and so on, closest CA first;
//   - trusted certificates: further CAs that proxies trust, in no order;
//   - the trust bundle: both, as one secret of the mesh holds them.
//
// What is wrong is reported as [Problems], all of them at once, and not as an
// error, since a person who fixes a chain wants to see the whole of it. The
// clock and the random source are always parameters.
package pki
