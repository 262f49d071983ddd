package import CPRSCore
package import CPRSTensors
internal import Glibc

/// A Qwen2 token critic: windows of ids in, label and tag logits out.
///
/// In f32 it is the reference, one window at a time. In bf16 and int8 short windows are computed together, and what the
/// causal layers make of a prompt is kept for the next windows with the same prompt; neither changes a bit of a result,
/// nor does the number of threads. Weights, scratch, threads and rotary tables are made once. One thread at a time may
/// use it.
package final class Qwen2Critic: TokenCritic {
    /// The report's window; scratch for it is reserved, and pages that no window reaches cost nothing.
    package static let defaultWindowTokens = 8192

    /// What the model is.
    package let config: Qwen2Config
    /// What it can take; `maxWindowTokens` is what its scratch was made for.
    package let limits: CriticLimits
    /// Bytes of matrices that could not be used in place because the file leaves them unaligned; normally 0.
    package let copiedBytes: Int
    /// Arithmetic of the linear layers; int8 if any of them is.
    package let precision: Precision
    /// Time it took to pack a checkpoint in memory; zero for f32 and for weights that came packed.
    package let packingTime: Duration
    /// How the cache of prompts does; all zero in f32 and without prefix reuse.
    package var prefixStatistics: PrefixStatistics { self.forward.prefixStatistics }

    /// Of all packed matrices; empty in f32.
    let layouts: [PackedMatrix.Layout]
    private let forward: any WindowForward
    private let head: CriticHead
    private let pool: ComputePool

    /// Opens a model folder: `config.json` and the checkpoint. In f32 it reads no weights.
    ///
    /// - Parameters:
    ///   - folder: a model folder as Hugging Face writes it.
    ///   - threads: threads that compute, the caller of ``score(_:)`` included.
    ///   - windowTokens: most tokens in a window, prompt included; by default ``defaultWindowTokens``, or what the
    ///     model takes if that is less.
    ///   - packing: how the weights are packed in memory, which takes ``packingTime``; in f32 they are not.
    ///   - prefixReuse: bf16 and int8: keep what the causal layers computed for a prompt.
    ///   - instructions: the bf16 and int8 kernels to run.
    /// - Throws: `notFound` for missing files, `modelUnusable` for a damaged or unsupported model, `invalidArgument` if
    ///   `threads`, `windowTokens` or `packing` is out of range or memory is refused.
    package convenience init(
        folder: String, threads: Int, windowTokens: Int? = nil, packing: Packing = Packing(.f32),
        prefixReuse: Bool = true, instructions: InstructionSet = .best
    ) throws(CPRSError) {
        let config = try Qwen2Config(folder: folder, environment: Self.environment)
        let checkpoint = try Checkpoint(folder: folder)
        try Qwen2Tensors(config).check(checkpoint.tensors, in: folder)
        try self.init(
            config, tensors: checkpoint.tensors, packing: packing,
            prefixReuse: prefixReuse,
            parts: Parts(config, threads: threads, windowTokens: windowTokens, instructions: instructions))
    }

    /// Makes a model of a shape with random weights in memory, to measure speed with.
    ///
    /// - Parameters:
    ///   - shape: its sizes.
    ///   - seed: the same seed gives the same weights for any number of threads.
    ///   - threads: as in ``init(folder:threads:windowTokens:packing:prefixReuse:instructions:)``, and so the
    ///     others.
    ///   - windowTokens: most tokens in a window.
    ///   - weightType: F32 or BF16; by default F32, but BF16 if that takes over 8 GB.
    /// - Throws: `invalidArgument` if an argument is out of range or memory is refused.
    package convenience init(
        random shape: Qwen2Config, seed: UInt64, threads: Int, windowTokens: Int, weightType: ElementType? = nil,
        packing: Packing = Packing(.f32), prefixReuse: Bool = true, instructions: InstructionSet = .best
    ) throws(CPRSError) {
        let parts = try Parts(shape, threads: threads, windowTokens: windowTokens, instructions: instructions)
        let parameters = shape.parameterCount ?? .max
        let type = weightType ?? (parameters > 2_000_000_000 ? .bf16 : .f32)
        let tensors = try Qwen2Tensors(shape).random(shape, type: type, seed: seed, pool: parts.pool)
        try self.init(
            shape, tensors: tensors, packing: packing,
            prefixReuse: prefixReuse, parts: parts)
    }

    /// Runs on weights that are packed already, where they lie.
    ///
    /// - Throws: `invalidArgument` if `threads` or `windowTokens` is out of range or memory is refused.
    package convenience init(
        config: Qwen2Config, packed: PackedWeights, threads: Int, windowTokens: Int? = nil, prefixReuse: Bool = true,
        instructions: InstructionSet = .best
    ) throws(CPRSError) {
        try self.init(
            config, packed: packed, prefixReuse: prefixReuse, packingTime: .zero,
            parts: Parts(config, threads: threads, windowTokens: windowTokens, instructions: instructions))
    }

    private convenience init(
        _ config: Qwen2Config, tensors: [String: TensorView], packing: Packing, prefixReuse: Bool,
        parts: Parts
    ) throws(CPRSError) {
        guard packing.recipe.precision != .f32 else {
            try self.init(config, tensors: tensors, parts: parts)
            return
        }
        let start = ContinuousClock.now
        let packed = try PackedWeights(packing: tensors, config: config, as: packing, pool: parts.pool)
        try self.init(
            config, packed: packed, prefixReuse: prefixReuse, packingTime: ContinuousClock.now - start, parts: parts)
    }

    /// The f32 reference.
    private init(_ config: Qwen2Config, tensors: [String: TensorView], parts: Parts) throws(CPRSError) {
        let weights = try DenseWeights(config, tensors: tensors)
        let scratch = try Qwen2Scratch(config, rows: parts.windowTokens)
        let backend = try DenseBackend(config, weights: weights, scratch: scratch, pool: parts.pool)
        self.config = config
        self.limits = parts.limits(config, batchTokens: 1)
        self.copiedBytes = weights.copiedBytes
        self.layouts = []
        self.precision = .f32
        self.packingTime = .zero
        self.pool = parts.pool
        self.forward = DenseForward(
            forward: Qwen2Forward(
                config: config, embedding: weights.embedding, finalNorm: weights.finalNorm, backend: backend,
                scratch: scratch, pool: parts.pool))
        self.head = CriticHead(
            labelHead: weights.labelHead, labelBias: weights.labelBias, lmHead: weights.lmHead, scratch: scratch,
            pool: parts.pool, instructions: parts.instructions)
    }

    /// bf16 and int8.
    private init(
        _ config: Qwen2Config, packed: PackedWeights, prefixReuse: Bool, packingTime: Duration, parts: Parts
    ) throws(CPRSError) {
        let scratch = try Qwen2Scratch(config, rows: KeyValueStore.room(for: parts.windowTokens))
        let backend = try PackedBackend(
            config, layers: packed.layers, tables: scratch, pool: parts.pool, instructions: parts.instructions)
        self.config = config
        self.limits = parts.limits(config, batchTokens: scratch.rows)
        self.copiedBytes = 0
        self.layouts = packed.layouts
        self.precision = packed.precision
        self.packingTime = packingTime
        self.pool = parts.pool
        self.forward = PackedForward(
            forward: Qwen2Forward(
                config: config, embedding: packed.embedding, finalNorm: packed.finalNorm, backend: backend,
                scratch: scratch, pool: parts.pool),
            reusesPrefixes: prefixReuse)
        self.head = CriticHead(
            labelHead: packed.labelHead, labelBias: packed.labelBias, lmHead: packed.lmHead, scratch: scratch,
            pool: parts.pool, instructions: parts.instructions)
    }

    /// Scores the context tokens of one window. A window without context gives an empty output and runs nothing.
    ///
    /// - Throws: `invalidArgument` if the window is too long or an id is outside the vocabulary; `modelUnusable` if a
    ///   logit is not finite.
    package func score(_ window: CriticWindow) throws(CPRSError) -> CriticOutput { try self.score([window])[0] }

    /// Scores several windows; see ``TokenCritic``. The time of a batch is shared out by the windows' tokens.
    ///
    /// - Throws: as ``score(_:)``.
    package func score(_ windows: [CriticWindow]) throws(CPRSError) -> [CriticOutput] {
        for window in windows { try self.check(window) }
        var outputs = windows.map { _ in CriticOutput(labelLogits: [], tagLogits: []) }
        var batch: [Int] = []
        var room = 0
        for index in windows.indices where !windows[index].context.isEmpty {
            let tokens = KeyValueStore.room(for: windows[index].prompt.count + windows[index].context.count)
            if !batch.isEmpty, room + tokens > self.limits.batchTokens {
                try self.score(windows, batch, into: &outputs)
                batch = []
                room = 0
            }
            batch.append(index)
            room += tokens
        }
        if !batch.isEmpty { try self.score(windows, batch, into: &outputs) }
        return outputs
    }

    /// Scores the windows `batch`, which fit the scratch together.
    private func score(
        _ windows: [CriticWindow], _ batch: [Int], into outputs: inout [CriticOutput]
    ) throws(CPRSError) {
        var clock = StageClock(self.pool)
        let hidden = try self.forward.run(batch.map { windows[$0] }, clock: &clock)
        var first = 0
        for index in batch {
            let rows = first..<first + windows[index].context.count
            do throws(CPRSError) {
                let logits = try self.head.read(hidden.rows(rows), tags: windows[index].tags)
                outputs[index] = CriticOutput(labelLogits: logits.labels, tagLogits: logits.tags)
            } catch {
                // What is not finite must not reach the next window through padding.
                self.forward.forget()
                throw error
            }
            first = rows.upperBound
        }
        clock.lap(\.head)
        let total = batch.reduce(0) { $0 + windows[$1].prompt.count + windows[$1].context.count }
        for index in batch {
            let tokens = windows[index].prompt.count + windows[index].context.count
            outputs[index].timings = clock.timings.share(tokens, of: total)
        }
    }

    private func check(_ window: CriticWindow) throws(CPRSError) {
        let tokens = window.prompt.count + window.context.count
        guard tokens <= self.limits.maxWindowTokens else {
            throw CPRSError(
                code: .invalidArgument,
                message: "a window may have at most \(self.limits.maxWindowTokens) tokens (got \(window.prompt.count)"
                    + " of prompt and \(window.context.count) of context)")
        }
        for (ids, part) in [(window.prompt, "prompt"), (window.context, "context"), (window.tags, "tags")] {
            if let index = ids.firstIndex(where: { $0 < 0 || $0 >= self.limits.vocabularySize }) {
                throw CPRSError(
                    code: .invalidArgument,
                    message: "\(part)[\(index)] must be a token id in 0..<\(self.limits.vocabularySize)"
                        + " (got \(ids[index]))")
            }
        }
    }

    /// The process's environment variable `name`, or nil.
    static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}

/// What a critic of any precision is made with.
private struct Parts {
    let pool: ComputePool
    let windowTokens: Int
    let instructions: InstructionSet

    init(_ config: Qwen2Config, threads: Int, windowTokens: Int?, instructions: InstructionSet) throws(CPRSError) {
        let tokens = windowTokens ?? min(config.maxPositions, Qwen2Critic.defaultWindowTokens)
        guard (1...config.maxPositions).contains(tokens) else {
            throw CPRSError(
                code: .invalidArgument,
                message: "windowTokens must be in 1...\(config.maxPositions), the model's max_position_embeddings"
                    + " (got \(tokens))")
        }
        self.pool = try ComputePool(threads: threads)
        self.windowTokens = tokens
        self.instructions = instructions
    }

    func limits(_ config: Qwen2Config, batchTokens: Int) -> CriticLimits {
        CriticLimits(
            maxWindowTokens: self.windowTokens, trainedWindowTokens: config.trainedWindowTokens,
            vocabularySize: config.vocabularySize, threshold: Float(config.threshold), batchTokens: batchTokens)
    }
}
