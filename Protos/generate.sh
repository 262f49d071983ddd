#!/usr/bin/env bash
# Writes Sources/CPRSWire/Generated from the .proto files beside this script.
#
# Needs protoc (apt-get install protobuf-compiler). The two Swift plugins are built from the releases named below, which
# takes minutes; CPRS_PROTO_TOOLS names a folder to keep them in between runs.
set -euo pipefail
cd "$(dirname "$0")"

swift_protobuf=1.39.0
grpc_swift_protobuf=2.4.1
out=../Sources/CPRSWire/Generated
protos=(cprs/v1/cprs.proto grpc/health/v1/health.proto grpc/reflection/v1/reflection.proto)

tools=${CPRS_PROTO_TOOLS:-}
if [ -z "$tools" ]; then
    tools=$(mktemp -d)
    trap 'rm -rf "$tools"' EXIT
fi
mkdir -p "$tools/Sources/Tools"
cat > "$tools/Package.swift" <<PACKAGE
// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "tools",
    dependencies: [
        .package(url: "https://github.com/apple/swift-protobuf.git", exact: "$swift_protobuf", traits: []),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf.git", exact: "$grpc_swift_protobuf"),
    ],
    targets: [
        .target(
            name: "Tools",
            dependencies: [
                .product(name: "protoc-gen-swift", package: "swift-protobuf"),
                .product(name: "protoc-gen-grpc-swift-2", package: "grpc-swift-protobuf"),
            ])
    ])
PACKAGE
echo '// Exists so that its dependencies are built.' > "$tools/Sources/Tools/Tools.swift"
swift build --package-path "$tools"
bin=$(swift build --package-path "$tools" --show-bin-path)

rm -rf "$out"
mkdir -p "$out"
protoc -I . "${protos[@]}" \
    --plugin="$bin/protoc-gen-swift" --swift_out="$out" \
    --swift_opt=Visibility=Package --swift_opt=FileNaming=DropPath --swift_opt=UseAccessLevelOnImports=true \
    --plugin="protoc-gen-grpc-swift=$bin/protoc-gen-grpc-swift-2" --grpc-swift_out="$out" \
    --grpc-swift_opt=Visibility=Package --grpc-swift_opt=FileNaming=DropPath \
    --grpc-swift_opt=UseAccessLevelOnImports=true

# What server reflection answers with.
descriptors=$(mktemp)
protoc -I . "${protos[@]}" --descriptor_set_out="$descriptors"
{
    echo '// DO NOT EDIT.'
    echo '// swift-format-ignore-file'
    echo '// Written by Protos/generate.sh.'
    echo
    echo '/// A google.protobuf.FileDescriptorSet of every file in Protos, in hexadecimal.'
    echo 'package let fileDescriptorSetHex: StaticString = """'
    od -An -v -tx1 "$descriptors" | tr -d ' \n' | fold -w 112 | sed -e 's/^/    /' -e '$!s/$/\\/'
    echo
    echo '    """'
} > "$out/FileDescriptors.swift"
rm "$descriptors"
