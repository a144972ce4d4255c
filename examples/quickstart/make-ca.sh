#!/usr/bin/env bash
# Creates a CA for the quick start: a root CA, and an intermediate CA that it
# signs. Writes ca-chain.pem (the intermediate CA first, then the root) and
# ca-key.pem (the key of the intermediate CA) to this folder. Deletes the root's
# key.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

extensions() {
  printf '%s\n' \
    "basicConstraints = critical, CA:TRUE$1" \
    'keyUsage = critical, keyCertSign, cRLSign' \
    'subjectKeyIdentifier = hash'
}
key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }

key "$work/root.key"
openssl req -new -key "$work/root.key" -subj '/O=Example/CN=Example Root CA' -out "$work/root.csr"
openssl x509 -req -in "$work/root.csr" -signkey "$work/root.key" -days 3650 -sha256 \
  -extfile <(extensions '') -out "$work/root.pem"

key "$work/int.key"
openssl req -new -key "$work/int.key" -subj '/O=Example/CN=Example Mesh CA' -out "$work/int.csr"
openssl x509 -req -in "$work/int.csr" -CA "$work/root.pem" -CAkey "$work/root.key" -CAcreateserial -days 1825 -sha256 \
  -extfile <(extensions ',pathlen:0') -out "$work/int.pem"

cat "$work/int.pem" "$work/root.pem" > ca-chain.pem
(umask 077 && cat "$work/int.key" > ca-key.pem)
echo "Created ca-chain.pem and ca-key.pem in $PWD"
