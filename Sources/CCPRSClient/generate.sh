#!/usr/bin/env bash
# Writes generated/ from Protos/ and protos/. Needs protoc-c (apt-get install protobuf-c-compiler).
set -euo pipefail
cd "$(dirname "$0")"

# protoc-c 1.4 knows no `optional` of proto3; a oneof with one member is the same on the wire.
source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT
sed -E 's/^  optional ([a-z0-9]+) ([a-z_]+) = ([0-9]+);/  oneof maybe_\2 { \1 \2 = \3; }/' \
    ../../Protos/cprs/v1/cprs.proto > "$source/cprs.proto"
cp protos/errors.proto "$source"
mkdir -p generated
protoc-c -I "$source" --c_out=generated cprs.proto errors.proto
