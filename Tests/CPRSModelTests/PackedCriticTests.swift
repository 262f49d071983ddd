internal import CPRSCore
internal import CPRSModel
internal import CPRSTensors
internal import CPRSTestSupport
internal import Testing

/// A tiny model in a folder, and windows for it.
private struct Fixture {
    let folder = TemporaryFolder()

    init(_ model: TinyModel = TinyModel()) {
        model.write(to: self.folder, tensors: model.tensors(seed: 11))
    }

    func critic(
        _ precision: Precision, threads: Int = 2, windowTokens: Int = 1024, group: Int = 0, reuse: Bool = true,
        instructions: InstructionSet = .best
    ) throws -> Qwen2Critic {
        try Qwen2Critic(
            folder: self.folder.path, threads: threads, windowTokens: windowTokens,
            packing: Packing(precision, group: group),
            prefixReuse: reuse, instructions: instructions)
    }

    static func window(_ prompt: Int, _ context: Int, seed: Int = 0, tags: [TokenID] = [3, 49, 0]) -> CriticWindow {
        func ids(_ count: Int, _ seed: Int) -> [TokenID] {
            var generator = SeededGenerator(seed: UInt64(seed))
            return (0..<count).map { _ in TokenID.random(in: 0..<50, using: &generator) }
        }
        // Prompts of one length are the same prompt.
        return CriticWindow(prompt: ids(prompt, prompt), context: ids(context, 7919 * seed + context), tags: tags)
    }

    /// Windows at and around the edges of tiles, blocks of queries, panels of keys and blocks of rows.
    static let edges = [1, 2, 5, 6, 7, 47, 48, 49, 63, 64, 65, 95, 96, 97, 191, 193, 257]
}

/// ‖got - expected‖ / ‖expected‖; infinite if anything is missing or not a number.
private func relativeError(_ got: [Float], _ expected: [Float]) -> Float {
    guard got.count == expected.count, !expected.isEmpty else { return .infinity }
    let error = zip(got, expected).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    let size = expected.reduce(0) { $0 + $1 * $1 }
    let ratio = (error / size).squareRoot()
    return ratio.isNaN ? .infinity : ratio
}

private func expectSame(
    _ got: CriticOutput, _ expected: CriticOutput, _ what: String, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(!expected.labelLogits.isEmpty, sourceLocation: sourceLocation)
    #expect(got.labelLogits == expected.labelLogits, "labels of \(what)", sourceLocation: sourceLocation)
    #expect(got.tagLogits == expected.tagLogits, "tags of \(what)", sourceLocation: sourceLocation)
}

@Suite("Packed critic")
struct PackedCriticTests {
    /// About twice the largest relative error of logits over these tests' models and windows.
    private static func tolerance(_ precision: Precision) -> Float { precision == .bf16 ? 0.012 : 0.047 }

    private static let packed: [Precision] = [.bf16, .int8]

    private static func expectReference(
        _ model: TinyModel, _ windows: [CriticWindow], group: Int = 0, instructions: InstructionSet = .best
    ) throws {
        let fixture = Fixture(model)
        let reference = try fixture.critic(.f32)
        for precision in Self.packed {
            let critic = try fixture.critic(
                precision, group: precision == .int8 ? group : 0, instructions: instructions)
            #expect(critic.precision == precision)
            #expect(critic.packingTime > .zero)
            for window in windows {
                let (got, expected) = (try critic.score(window), try reference.score(window))
                let what = "\(precision), \(window.prompt.count) + \(window.context.count) tokens"
                let labels = relativeError(got.labelLogits, expected.labelLogits)
                let tags = relativeError(got.tagLogits, expected.tagLogits)
                #expect(labels <= Self.tolerance(precision), "labels of \(what)")
                #expect(tags <= Self.tolerance(precision), "tags of \(what)")
            }
        }
    }

    @Test("windows at the edges of blocks give the f32 logits within a relative error", arguments: Fixture.edges)
    func blockEdges(tokens: Int) throws {
        var model = TinyModel()
        model.layers = 2
        model.start = 1
        try Self.expectReference(
            model, [Fixture.window(0, tokens), Fixture.window(1, tokens), Fixture.window(tokens, 33)])
    }

    @Test(
        "every way of grouping heads of every width gives the f32 logits within a relative error",
        arguments: [(1, 1, 24), (4, 4, 6), (4, 1, 2), (6, 2, 16), (5, 1, 18), (7, 1, 64), (2, 1, 80)])
    func heads(heads: Int, keyValueHeads: Int, headWidth: Int) throws {
        var model = TinyModel()
        (model.heads, model.keyValueHeads, model.headWidth) = (heads, keyValueHeads, headWidth)
        (model.layers, model.start) = (2, 1)
        try Self.expectReference(model, [Fixture.window(37, 20), Fixture.window(70, 130)])
    }

    @Test(
        "every boundary of causal and bidirectional layers gives the f32 logits within a relative error",
        arguments: [0, 1, 2, 3, 4])
    func boundaries(start: Int) throws {
        var model = TinyModel()
        model.start = start
        try Self.expectReference(model, [Fixture.window(7, 100), Fixture.window(0, 9), Fixture.window(40, 1)])
    }

    @Test(
        "widths that are no multiple of a panel, with and without groups of inputs, give the f32 logits",
        arguments: [(18, 34, 0), (64, 128, 0), (66, 130, 16), (200, 72, 32), (24, 40, 64)])
    func widths(width: Int, feedForward: Int, group: Int) throws {
        var model = TinyModel()
        (model.width, model.feedForward, model.layers, model.start) = (width, feedForward, 2, 1)
        try Self.expectReference(model, [Fixture.window(13, 101)], group: group)
    }

    @Test(
        "every instruction set of this machine gives the f32 logits within a relative error",
        arguments: InstructionSet.allCases.filter(\.isAvailable))
    func instructionSets(instructions: InstructionSet) throws {
        try Self.expectReference(
            TinyModel(), [Fixture.window(20, 77), Fixture.window(0, 300)], instructions: instructions)
    }

    @Test("a group that is no multiple of 16 is refused", arguments: [-16, 8, 17])
    func badGroup(group: Int) throws {
        let fixture = Fixture()
        #expect(throws: CPRSError.self) { try fixture.critic(.int8, group: group) }
    }
}

@Suite("Packed critic, bit for bit")
struct PackedCriticIdentityTests {
    private static let mixed = Fixture.edges.enumerated().map { index, tokens in
        Fixture.window([0, 1, 30, 100][index % 4], tokens, seed: index)
    }

    @Test(
        "a window's logits do not depend on its batch mates, their order, or the size of the batch",
        arguments: [Precision.bf16, .int8], [true, false])
    func batches(precision: Precision, reuse: Bool) throws {
        let fixture = Fixture()
        let alone = try fixture.critic(precision, reuse: reuse)
        let expected = try Self.mixed.map { try alone.score($0) }
        for windowTokens in [384, 1024, 4096] {
            let critic = try fixture.critic(precision, windowTokens: windowTokens, reuse: reuse)
            for (got, expected) in zip(try critic.score(Self.mixed), expected) {
                expectSame(got, expected, "a batch of \(windowTokens) tokens")
            }
            let backwards = try critic.score(Array(Self.mixed.reversed()))
            for (got, expected) in zip(backwards.reversed(), expected) { expectSame(got, expected, "reversed") }
        }
    }

    @Test(
        "a window's logits do not depend on the number of threads", arguments: [Precision.bf16, .int8], [1, 2, 3])
    func threads(precision: Precision, threads: Int) throws {
        let fixture = Fixture()
        let one = try fixture.critic(precision, threads: 1)
        let critic = try fixture.critic(precision, threads: threads)
        let batch = try critic.score(Self.mixed)
        for (index, window) in Self.mixed.enumerated() {
            let expected = try one.score(window)
            expectSame(try critic.score(window), expected, "\(threads) threads")
            expectSame(batch[index], expected, "a batch on \(threads) threads")
        }
    }

    @Test(
        "reusing a prompt's causal layers changes nothing, at every boundary of the layers",
        arguments: [Precision.bf16, .int8], [0, 1, 3, 4])
    func prefixReuse(precision: Precision, start: Int) throws {
        var model = TinyModel()
        model.start = start
        let fixture = Fixture(model)
        let plain = try fixture.critic(precision, reuse: false)
        let reusing = try fixture.critic(precision)
        for prompt in [0, 1, 2, 47, 63, 64, 65, 129] {
            for seed in 0..<3 {
                let window = Fixture.window(prompt, 50 + seed, seed: seed)
                expectSame(try reusing.score(window), try plain.score(window), "prompt of \(prompt)")
            }
        }
        // Seven prompts that are not empty, three windows each; without causal layers there is nothing to keep.
        #expect(reusing.prefixStatistics.hits == (start == 0 ? 0 : 14))
        #expect(reusing.prefixStatistics.misses == (start == 0 ? 0 : 7))
        #expect(plain.prefixStatistics.misses == 0 && plain.prefixStatistics.entries == 0)
    }

    @Test("the cache of prompts keeps the latest of them, and no more than its limit")
    func boundedCache() throws {
        let fixture = Fixture()
        let critic = try fixture.critic(.bf16)
        let count = PrefixStatistics.maxEntries + 10
        let windows = (0..<count).map { number in
            CriticWindow(prompt: [TokenID(number % 50), TokenID(number / 50), 1], context: [5, 6], tags: [])
        }
        for window in windows { _ = try critic.score(window) }
        #expect(critic.prefixStatistics.entries == PrefixStatistics.maxEntries)
        #expect(critic.prefixStatistics.bytes <= PrefixStatistics.maxBytes)
        #expect(critic.prefixStatistics.hits == 0)
        _ = try critic.score(windows[count - PrefixStatistics.maxEntries])
        #expect(critic.prefixStatistics.hits == 1)
        _ = try critic.score(windows[count - PrefixStatistics.maxEntries - 1])
        #expect(critic.prefixStatistics.hits == 1)
    }

    @Test("empty windows in a batch get empty outputs, and the others theirs")
    func emptyWindows() throws {
        let fixture = Fixture()
        let critic = try fixture.critic(.bf16)
        let window = Fixture.window(5, 9)
        let outputs = try critic.score([Fixture.window(3, 0), window, Fixture.window(0, 0)])
        #expect(outputs[0].labelLogits.isEmpty && outputs[2].labelLogits.isEmpty)
        expectSame(outputs[1], try critic.score(window), "a window between empty ones")
        #expect(try critic.score([CriticWindow]()).isEmpty)
    }

    @Test("a batch's time is shared out by tokens, and the parts are positive")
    func timings() throws {
        let fixture = Fixture()
        let critic = try fixture.critic(.bf16)
        let outputs = try critic.score([Fixture.window(0, 100), Fixture.window(0, 300)])
        #expect(outputs[0].timings.mlp > .zero && outputs[0].timings.qkv > .zero)
        #expect(outputs[0].timings.attention > .zero && outputs[0].timings.wait >= .zero)
        #expect(outputs[1].timings.mlp > outputs[0].timings.mlp)
    }

    @Test("logits that are not finite are refused, and leave nothing behind", arguments: [Precision.bf16, .int8])
    func notFinite(precision: Precision) throws {
        let model = TinyModel()
        var tensors = model.tensors(seed: 11)
        // Token 49 has one element that outweighs all others, and the last norm multiplies it beyond what float32 holds.
        tensors[0].values[49 * model.width] = 4096
        let norm = try #require(tensors.firstIndex { $0.name == "model.norm.weight" })
        tensors[norm].values[0] = 1e38
        let folder = TemporaryFolder()
        model.write(to: folder, tensors: tensors)
        let critic = try Qwen2Critic(folder: folder.path, threads: 2, windowTokens: 256, packing: Packing(precision))
        let good = CriticWindow(prompt: [1, 2], context: [3, 4, 5], tags: [])
        let expected = try critic.score(good)
        let bad = CriticWindow(prompt: [1, 2], context: [3, 49, 5, 6, 7, 8, 9], tags: [])
        #expect(throws: CPRSError.self) { try critic.score(bad) }
        expectSame(try critic.score(good), expected, "the window after a bad one")
    }
}
