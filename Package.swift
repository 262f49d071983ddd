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
        .executable(name: "cprs", targets: ["cprs"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")
    ],
    targets: [
        // The vocabulary every other target shares: tokens, labels, ranges, the error, the critic protocol.
        .target(name: "CPRSCore", swiftSettings: swiftSettings),

        // A strict JSON reader for files that we did not write (vocabularies, configs, tensor headers).
        .target(name: "CPRSJSON", dependencies: ["CPRSCore"], swiftSettings: swiftSettings),

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
            dependencies: ["CPRSCore", "CPRSJSON", "CCPRSKernels", "CCPRSOpenBLAS"],
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

        // The composition root of a process: a model folder becomes a tokenizer, a critic and their presets.
        .target(
            name: "CPRSRuntime",
            dependencies: ["CPRSCore", "CPRSTokenizer", "CPRSModel", "CPRSEngine"],
            resources: [.copy("Resources/default-model")],
            swiftSettings: swiftSettings),

        .executableTarget(
            name: "cprs",
            dependencies: [
                "CPRSCore", "CPRSTokenizer", "CPRSTensors", "CPRSModel", "CPRSSegmentation", "CPRSEngine",
                "CPRSGolden", "CPRSRuntime",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swiftSettings),

        // Tests: one target per module, plus what spans several of them.
        .target(
            name: "CPRSTestSupport", dependencies: ["CPRSCore"], path: "Tests/CPRSTestSupport",
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
            name: "CPRSIntegrationTests",
            dependencies: ["CPRSCore", "CPRSGolden", "CPRSRuntime", "cprs", "CPRSTestSupport"],
            swiftSettings: swiftSettings),
    ]
)
