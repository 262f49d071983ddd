internal import CPRSCore
internal import CPRSModel
internal import CPRSTensors
internal import CPRSTestSupport
internal import Testing

@Suite("Qwen2 critic")
struct Qwen2CriticTests {
    /// Float32 against double precision over a few layers of logits of about 1.
    static let tolerance: Float = 1e-4
    /// The same float32 weights through another order of summation.
    static let orderTolerance: Float = 2e-5

    private static func window(_ prompt: Int, _ context: Int, vocabulary: Int = 50, tags: [TokenID] = [3, 49, 0])
        -> CriticWindow
    {
        var generator = SeededGenerator(seed: UInt64(prompt * 10_007 + context))
        func ids(_ count: Int) -> [TokenID] {
            (0..<count).map { _ in TokenID.random(in: 0..<TokenID(vocabulary), using: &generator) }
        }
        return CriticWindow(prompt: ids(prompt), context: ids(context), tags: tags)
    }

    private static func expectReference(
        _ model: TinyModel, _ windows: [CriticWindow], type: ElementType = .f32, threads: Int = 2, padding: Int = 0
    ) throws {
        let tensors = model.tensors(seed: 11)
        let folder = TemporaryFolder()
        model.write(to: folder, tensors: tensors, type: type, headerPadding: padding)
        let critic = try Qwen2Critic(folder: folder.path, threads: threads)
        let reference = ReferenceForward(model, tensors)
        for window in windows {
            let got = try critic.score(window)
            let expected = reference.score(window)
            let what = "\(window.prompt.count) + \(window.context.count) tokens"
            expectClose(
                got.labelLogits, expected.labels.map(Float.init), tolerance: Self.tolerance, "labels of \(what)")
            expectClose(got.tagLogits, expected.tags.map(Float.init), tolerance: Self.tolerance, "tags of \(what)")
        }
    }

    @Test(
        "logits are those of a plain double-precision model, at every boundary of causal and bidirectional layers",
        arguments: [0, 1, 2, 3, 4])
    func boundaries(start: Int) throws {
        var model = TinyModel()
        model.start = start
        try Self.expectReference(model, [Self.window(7, 30), Self.window(0, 9), Self.window(40, 1)])
    }

    @Test(
        "every way of grouping heads gives the plain model's logits",
        arguments: [(1, 1), (4, 4), (4, 1), (6, 2), (5, 1), (7, 1)])
    func groupedHeads(heads: Int, keyValueHeads: Int) throws {
        var model = TinyModel()
        model.heads = heads
        model.keyValueHeads = keyValueHeads
        model.layers = 2
        // The last layer stays causal with a prompt of odd length: query blocks do not line up with key blocks.
        model.start = 2
        try Self.expectReference(model, [Self.window(37, 20), Self.window(203, 310)])
    }

    @Test(
        "windows at the edges of the blocks give the plain model's logits",
        arguments: [1, 2, 15, 16, 17, 63, 64, 65, 127, 128, 129, 255, 256, 257, 511, 512, 513])
    func blockEdges(tokens: Int) throws {
        var model = TinyModel()
        model.layers = 2
        model.start = 1
        try Self.expectReference(model, [Self.window(0, tokens), Self.window(tokens / 3, tokens - tokens / 3)])
    }

    @Test("a window longer than one feed-forward chunk gives the plain model's logits", arguments: [2047, 2049])
    func longWindow(tokens: Int) throws {
        var model = TinyModel()
        (model.layers, model.start, model.width, model.heads, model.keyValueHeads, model.headWidth) = (2, 1, 8, 2, 1, 4)
        try Self.expectReference(model, [Self.window(9, tokens - 9)])
    }

    @Test(
        "F32, BF16 and F16 files give the plain model's logits, also when unaligned", arguments: ElementType.allCases,
        [0, 1, 2])
    func elementTypes(type: ElementType, padding: Int) throws {
        try Self.expectReference(TinyModel(), [Self.window(20, 61)], type: type, padding: padding)
    }

    @Test("an unaligned F32 file is copied and said to be; an aligned one is not", arguments: [0, 1])
    func copies(padding: Int) throws {
        let folder = TemporaryFolder()
        let model = TinyModel()
        model.write(to: folder, tensors: model.tensors(seed: 1), headerPadding: padding)
        #expect(try (Qwen2Critic(folder: folder.path, threads: 1).copiedBytes > 0) == (padding == 1))
        #expect(try CheckpointSummary(folder: folder.path).tensors.contains { $0.isUnaligned } == (padding == 1))
    }

    @Test("tags are read from the embedding when tied, from the LM head when not, and are empty without one")
    func lmHeads() throws {
        var model = TinyModel()
        try Self.expectReference(model, [Self.window(3, 10)])
        model.lmHead = true
        // Tied, and the file holds a copy as well: the embedding counts.
        try Self.expectReference(model, [Self.window(3, 10)])
        model.tied = false
        try Self.expectReference(model, [Self.window(3, 10), Self.window(3, 10, tags: [])])
        // More tags than are gathered at a time.
        try Self.expectReference(model, [Self.window(3, 5, tags: (0..<70).map { $0 % 50 })])
        model.lmHead = false
        let folder = TemporaryFolder()
        model.write(to: folder, tensors: model.tensors(seed: 11))
        let critic = try Qwen2Critic(folder: folder.path, threads: 1)
        let output = try critic.score(Self.window(3, 10))
        #expect(output.tagLogits.isEmpty && output.labelLogits.count == 40)
        #expect(try !CheckpointSummary(folder: folder.path).hasLMHead)
    }

    @Test("the number of threads changes no bit", arguments: [2, 3, 7])
    func threads(threads: Int) throws {
        let shape = try Qwen2Config(json: TinyModel.json(Self.wide.config), path: "wide") { _ in nil }
        let window = Self.window(30, 611)
        let one = try Qwen2Critic(random: shape, seed: 5, threads: 1, windowTokens: 700).score(window)
        let many = try Qwen2Critic(random: shape, seed: 5, threads: threads, windowTokens: 700).score(window)
        #expect(one.labelLogits == many.labelLogits)
        #expect(one.tagLogits == many.tagLogits)
        #expect(Set(one.labelLogits).count > 100)
    }

    /// Large enough for products of several blocks.
    private static let wide: TinyModel = {
        var model = TinyModel()
        (model.width, model.feedForward, model.heads, model.keyValueHeads, model.headWidth) = (384, 1100, 6, 2, 64)
        return model
    }()

    @Test("a window's logits do not depend on the windows before it")
    func independence() throws {
        let folder = TemporaryFolder()
        let model = TinyModel()
        model.write(to: folder, tensors: model.tensors(seed: 2))
        let critic = try Qwen2Critic(folder: folder.path, threads: 2)
        let window = Self.window(10, 100)
        let first = try critic.score(window)
        _ = try critic.score(Self.window(300, 700))
        _ = try critic.score(Self.window(0, 1))
        let again = try critic.score(window)
        #expect(first.labelLogits == again.labelLogits && first.tagLogits == again.tagLogits)
    }

    @Test("causal layers alone never look ahead; one bidirectional layer does", arguments: [true, false])
    func lookAhead(causal: Bool) throws {
        var model = TinyModel()
        model.start = causal ? model.layers : model.layers - 1
        let folder = TemporaryFolder()
        model.write(to: folder, tensors: model.tensors(seed: 3))
        let critic = try Qwen2Critic(folder: folder.path, threads: 2)
        let window = Self.window(5, 60)
        var changed = window
        changed.context[59] = (changed.context[59] + 1) % 50
        let before = try critic.score(window).labelLogits[..<(59 * 4)]
        let after = try critic.score(changed).labelLogits[..<(59 * 4)]
        #expect((before == after) == causal)
    }

    @Test("shards and a single file give the same bits", arguments: ElementType.allCases, [2, 5])
    func shards(type: ElementType, shards: Int) throws {
        let model = TinyModel()
        let tensors = model.tensors(seed: 4)
        let (single, sharded) = (TemporaryFolder(), TemporaryFolder())
        model.write(to: single, tensors: tensors, type: type)
        model.write(to: sharded, tensors: tensors, type: type, shards: shards)
        let window = Self.window(12, 80)
        let expected = try Qwen2Critic(folder: single.path, threads: 2).score(window)
        let got = try Qwen2Critic(folder: sharded.path, threads: 2).score(window)
        #expect(got.labelLogits == expected.labelLogits && got.tagLogits == expected.tagLogits)
    }

    @Test("a window that is too long or holds a foreign id is refused by name; an empty context gives an empty output")
    func badWindows() throws {
        let folder = TemporaryFolder()
        let model = TinyModel()
        model.write(to: folder, tensors: model.tensors(seed: 6))
        let critic = try Qwen2Critic(folder: folder.path, threads: 1, windowTokens: 20)
        func message(_ window: CriticWindow) throws -> String {
            let error = try #require(throws: CPRSError.self) { try critic.score(window) }
            #expect(error.code == .invalidArgument)
            return error.message
        }
        #expect(try message(Self.window(11, 10)).contains("at most 20 tokens (got 11 of prompt and 10 of context)"))
        #expect(
            try message(CriticWindow(prompt: [1, 50], context: [1], tags: [])).contains(
                "prompt[1] must be a token id in 0..<50 (got 50)"))
        #expect(try message(CriticWindow(prompt: [], context: [-1], tags: [])).contains("context[0]"))
        #expect(try message(CriticWindow(prompt: [], context: [1], tags: [2, .max])).contains("tags[1]"))
        let empty = try critic.score(CriticWindow(prompt: [1, 2], context: [], tags: [1]))
        #expect(empty.labelLogits.isEmpty && empty.tagLogits.isEmpty)
        #expect(try critic.score(Self.window(10, 10)).labelLogits.count == 40)
    }

    @Test(
        "a NaN or infinite weight is an error at the first window, never a result", arguments: [Float.nan, .infinity])
    func notFinite(value: Float) throws {
        let model = TinyModel()
        for name in [
            "model.layers.1.mlp.up_proj.weight", "model.norm.weight", "cls_head.bias",
            "model.layers.0.self_attn.k_proj.weight",
        ] {
            var tensors = model.tensors(seed: 7)
            let index = try #require(tensors.firstIndex { $0.name == name })
            tensors[index].values[0] = value
            let folder = TemporaryFolder()
            model.write(to: folder, tensors: tensors)
            let critic = try Qwen2Critic(folder: folder.path, threads: 1)
            let error = try #require(throws: CPRSError.self, "\(name)") { try critic.score(Self.window(3, 10)) }
            #expect(error.code == .modelUnusable && error.message.contains("not finite"))
        }
    }

    @Test("a window size outside the model's positions is refused", arguments: [0, -1, 4097])
    func badWindowSize(tokens: Int) throws {
        let folder = TemporaryFolder()
        let model = TinyModel()
        model.write(to: folder, tensors: model.tensors(seed: 8))
        let error = try #require(throws: CPRSError.self) {
            try Qwen2Critic(folder: folder.path, threads: 1, windowTokens: tokens)
        }
        #expect(error.code == .invalidArgument && error.message.contains("1...4096"))
    }
}
