// swift-tools-version: 6.2

import PackageDescription

// Every import carries an access level and names what it uses (see STYLE in the README's "Layout").
let swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
    name: "cprs",
    products: [
        .executable(name: "cprs", targets: ["cprs"]),
        // For programs that talk to the daemon; builds none of our C.
        .library(name: "CPRSClient", targets: ["CPRSClient"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-async-algorithms.git", from: "1.1.0"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-http2.git", from: "1.46.0"),
        // Without its default traits: they would pull in all of Foundation.
        .package(url: "https://github.com/apple/swift-protobuf.git", from: "1.39.0", traits: []),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/grpc/grpc-swift-2.git", from: "2.4.0"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport.git", from: "2.9.0"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf.git", from: "2.4.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    ],
    targets: [
        // The vocabulary every other target shares: tokens, labels, ranges, the error, the critic protocol.
        .target(name: "CPRSCore", swiftSettings: swiftSettings),

        // A strict JSON reader for files that we did not write (vocabularies, configs, tensor headers), and pieces to write.
        .target(name: "CPRSJSON", dependencies: ["CPRSCore"], swiftSettings: swiftSettings),

        // SHA-256, of texts and of tensors.
        .target(
            name: "CPRSDigest", dependencies: ["CPRSCore", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: swiftSettings),

        // Text -> token ids with byte ranges.
        .target(
            name: "CPRSTokenizer", dependencies: ["CPRSCore", "CPRSJSON"],
            exclude: ["Generated/generate_unicode_tables.py"], swiftSettings: swiftSettings),

        // C: the arithmetic. One op per file, plain reference beside the fast variants.
        .target(name: "CCPRSKernels"),
        .systemLibrary(
            name: "CCPRSOpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),

        // Mapped tensors and the only importer of C.
        .target(
            name: "CPRSTensors",
            dependencies: ["CPRSCore", "CPRSJSON", "CPRSDigest", "CCPRSKernels", "CCPRSOpenBLAS"],
            swiftSettings: swiftSettings),

        // Qwen2 config, weights, forward pass, critic head.
        .target(
            name: "CPRSModel", dependencies: ["CPRSCore", "CPRSJSON", "CPRSTensors"], swiftSettings: swiftSettings),

        // Where text may be cut, and which pieces stay: pure structs.
        .target(name: "CPRSSegmentation", dependencies: ["CPRSCore"], swiftSettings: swiftSettings),

        // Linear-time, streaming search for what the caller wants kept in any case.
        .target(name: "CPRSPatterns", dependencies: ["CPRSCore"], swiftSettings: swiftSettings),

        // One request, from bytes to decisions. Sees a critic protocol, never Qwen2.
        .target(
            name: "CPRSEngine",
            dependencies: ["CPRSCore", "CPRSTokenizer", "CPRSSegmentation", "CPRSPatterns"],
            swiftSettings: swiftSettings),

        // Exactness against recorded vectors; used by `cprs golden` and by the tests.
        .target(
            name: "CPRSGolden",
            dependencies: ["CPRSCore", "CPRSJSON", "CPRSTokenizer", "CPRSTensors", "CPRSModel", "CPRSSegmentation"],
            swiftSettings: swiftSettings),

        // The composition root of a process: a model folder or a packed file becomes a tokenizer, a critic and their
        // presets; and a folder becomes a packed file.
        .target(
            name: "CPRSRuntime",
            dependencies: [
                "CPRSCore", "CPRSJSON", "CPRSDigest", "CPRSTokenizer", "CPRSTensors", "CPRSModel", "CPRSSegmentation",
                "CPRSEngine",
            ],
            resources: [.copy("Resources/default-model.cprs"), .copy("Resources/MODEL_CARD.md")],
            swiftSettings: swiftSettings),

        // The protocol: generated messages, their checks, and errors as gRPC statuses. No engine, no C.
        .target(
            name: "CPRSWire",
            dependencies: [
                "CPRSCore",
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: swiftSettings),

        // The services over a scoring seam, and the Unix socket they listen on.
        .target(
            name: "CPRSServer",
            dependencies: [
                "CPRSCore", "CPRSDigest", "CPRSTokenizer", "CPRSSegmentation", "CPRSEngine", "CPRSWire",
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHPACK", package: "swift-nio-http2"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: swiftSettings),

        // What a program links to use the daemon.
        .target(
            name: "CPRSClient",
            dependencies: [
                "CPRSCore", "CPRSDigest", "CPRSWire",
                .product(name: "AsyncAlgorithms", package: "swift-async-algorithms"),
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: swiftSettings),

        // One thread that scores every request's windows, in a fair order. Sees a critic protocol, never Qwen2.
        .target(name: "CPRSScheduler", dependencies: ["CPRSCore"], swiftSettings: swiftSettings),

        // What systemd expects of a service, over plain sockets and environment variables.
        .target(name: "CPRSSystemd", dependencies: ["CPRSCore"], swiftSettings: swiftSettings),

        // The daemon: command line -> configuration -> services; the only place that knows them all.
        .executableTarget(
            name: "cprsd",
            dependencies: [
                "CPRSCore", "CPRSJSON", "CPRSTokenizer", "CPRSEngine", "CPRSModel", "CPRSTensors", "CPRSRuntime",
                "CPRSScheduler", "CPRSSystemd", "CPRSWire", "CPRSServer",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: swiftSettings),

        .executableTarget(
            name: "cprs",
            dependencies: [
                "CPRSCore", "CPRSJSON", "CPRSDigest", "CPRSTokenizer", "CPRSTensors", "CPRSModel", "CPRSSegmentation",
                "CPRSEngine", "CPRSGolden", "CPRSRuntime", "CPRSWire", "CPRSClient",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swiftSettings),

        // Tests: one target per module, plus what spans several of them.
        .target(
            name: "CPRSTestSupport", dependencies: ["CPRSCore"], path: "Tests/CPRSTestSupport",
            swiftSettings: swiftSettings),
        // What must hold for any bytes: replayed by CPRSFuzzTests, searched by Tests/Fuzz/run.sh.
        .target(
            name: "CPRSFuzzTargets",
            dependencies: [
                "CPRSCore", "CPRSJSON", "CPRSTokenizer", "CPRSTensors", "CPRSModel", "CPRSSegmentation", "CPRSPatterns",
                "CPRSEngine", "CPRSRuntime", "CPRSTestSupport",
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            path: "Tests/Fuzz/Targets", swiftSettings: swiftSettings),
        .testTarget(
            name: "CPRSFuzzTests", dependencies: ["CPRSFuzzTargets", "CPRSTestSupport"], path: "Tests/Fuzz/Replay",
            swiftSettings: swiftSettings),
        .testTarget(
            name: "CPRSCoreTests",
            dependencies: ["CPRSCore"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "CPRSJSONTests",
            dependencies: ["CPRSCore", "CPRSJSON"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "CPRSDigestTests",
            dependencies: ["CPRSDigest"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "CPRSTokenizerTests",
            dependencies: ["CPRSCore", "CPRSTokenizer", "CPRSTestSupport"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "CCPRSKernelsTests",
            dependencies: ["CCPRSKernels", "CPRSTestSupport"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "CPRSTensorsTests",
            dependencies: ["CPRSCore", "CPRSTensors", "CPRSTestSupport"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "CPRSModelTests",
            dependencies: ["CPRSCore", "CPRSJSON", "CPRSTensors", "CPRSModel", "CPRSTestSupport"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "CPRSSegmentationTests",
            dependencies: ["CPRSCore", "CPRSJSON", "CPRSSegmentation", "CPRSTestSupport"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "CPRSPatternsTests",
            dependencies: ["CPRSCore", "CPRSPatterns", "CPRSTestSupport"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "CPRSEngineTests",
            dependencies: ["CPRSCore", "CPRSTokenizer", "CPRSSegmentation", "CPRSEngine", "CPRSTestSupport"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "CPRSRuntimeTests",
            dependencies: [
                "CPRSCore", "CPRSTokenizer", "CPRSTensors", "CPRSModel", "CPRSEngine", "CPRSRuntime", "CPRSTestSupport",
            ],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "CPRSWireTests",
            dependencies: [
                "CPRSCore", "CPRSWire",
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "CPRSServerTests",
            dependencies: [
                "CPRSCore", "CPRSDigest", "CPRSTokenizer", "CPRSSegmentation", "CPRSEngine", "CPRSWire", "CPRSServer",
                "CPRSTestSupport",
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCInProcessTransport", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "CPRSClientTests",
            dependencies: [
                "CPRSCore", "CPRSTokenizer", "CPRSEngine", "CPRSServer", "CPRSClient", "CPRSTestSupport",
                .product(name: "GRPCCore", package: "grpc-swift-2"),
            ],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "CPRSSchedulerTests",
            dependencies: ["CPRSCore", "CPRSScheduler", "CPRSTestSupport"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "CPRSSystemdTests", dependencies: ["CPRSCore", "CPRSSystemd"], swiftSettings: swiftSettings),
        .testTarget(
            name: "cprsdTests",
            dependencies: [
                "CPRSCore", "CPRSJSON", "CPRSRuntime", "CPRSScheduler", "CPRSSystemd", "CPRSWire", "CPRSServer",
                "CPRSClient", "cprsd", "cprs", "CPRSTestSupport",
            ],
            exclude: ["grpc_client.py"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "CPRSIntegrationTests",
            dependencies: [
                "CPRSCore", "CPRSJSON", "CPRSTokenizer", "CPRSEngine", "CPRSGolden", "CPRSRuntime", "cprs",
                "CPRSTestSupport",
            ],
            swiftSettings: swiftSettings),
    ]
)
