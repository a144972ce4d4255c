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
// Functions report all problems at once as [Problems], and not as an error,
// because users want to fix a chain in one go. The clock and the random source
// are always parameters.
package pki
