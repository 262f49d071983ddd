package import CPRSCore
package import CPRSTensors
internal import Glibc

/// A Qwen2 token critic in float32: one window of ids in, label and tag logits out.
///
/// Weights, scratch, threads and rotary tables are made once. One thread at a time may use it.
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

    private let forward: Qwen2Forward<DenseBackend>
    private let head: CriticHead
    private let scratch: Qwen2Scratch

    /// Opens a model folder: `config.json` and the checkpoint; reads no weights.
    ///
    /// - Parameters:
    ///   - folder: a model folder as Hugging Face writes it.
    ///   - threads: threads that compute, the caller of ``score(_:)`` included.
    ///   - windowTokens: most tokens in a window, prompt included; by default ``defaultWindowTokens``, or what the
    ///     model takes if that is less.
    ///   - precision: bf16 and int8 pack the weights in memory first; see ``packingTime``.
    ///   - group: int8: inputs that share a scale, a multiple of 16; 0 if all inputs of an output do.
    ///   - prefixReuse: bf16 and int8: keep what the causal layers computed for a prompt, for the next windows with it.
    ///     It changes no result.
    ///   - instructions: bf16 and int8: the kernels to run.
    /// - Throws: `notFound` for missing files, `modelUnusable` for a damaged or unsupported model, `invalidArgument` if
    ///   `threads` or `windowTokens` is out of range or memory is refused.
    package convenience init(
        folder: String, threads: Int, windowTokens: Int? = nil, precision: Precision = .f32, group: Int = 0,
        prefixReuse: Bool = true, instructions: InstructionSet = .best
    ) throws(CPRSError) {
        let config = try Qwen2Config(folder: folder, environment: Self.environment)
        let checkpoint = try Checkpoint(folder: folder)
        try Qwen2Tensors(config).check(checkpoint.tensors, in: folder)
        try self.init(
            config, tensors: checkpoint.tensors, pool: ComputePool(threads: threads),
            windowTokens: windowTokens ?? min(config.maxPositions, Self.defaultWindowTokens))
    }

    /// Makes a model of a shape with random weights in memory, to measure speed with.
    ///
    /// - Parameters:
    ///   - shape: its sizes.
    ///   - seed: the same seed gives the same weights for any number of threads.
    ///   - threads: as in ``init(folder:threads:windowTokens:)``.
    ///   - windowTokens: most tokens in a window.
    ///   - weightType: F32 or BF16; by default F32, but BF16 if that takes over 8 GB.
    /// - Throws: `invalidArgument` if an argument is out of range or memory is refused.
    package convenience init(
        random shape: Qwen2Config, seed: UInt64, threads: Int, windowTokens: Int, weightType: ElementType? = nil,
        precision: Precision = .f32, group: Int = 0, prefixReuse: Bool = true, instructions: InstructionSet = .best
    ) throws(CPRSError) {
        let pool = try ComputePool(threads: threads)
        let parameters = shape.parameterCount ?? .max
        let type = weightType ?? (parameters > 2_000_000_000 ? .bf16 : .f32)
        let tensors = try Qwen2Tensors(shape).random(shape, type: type, seed: seed, pool: pool)
        try self.init(shape, tensors: tensors, pool: pool, windowTokens: windowTokens)
    }

    /// Runs on weights that are packed already, where they lie.
    ///
    /// - Throws: `invalidArgument` if `threads` or `windowTokens` is out of range or memory is refused.
    package convenience init(
        config: Qwen2Config, packed: PackedWeights, threads: Int, windowTokens: Int? = nil, prefixReuse: Bool = true,
        instructions: InstructionSet = .best
    ) throws(CPRSError) {
        throw CPRSError(code: .invalidArgument, message: "TODO: packed weights do not run yet")
    }

    private init(
        _ config: Qwen2Config, tensors: [String: TensorView], pool: ComputePool, windowTokens: Int
    ) throws(CPRSError) {
        guard (1...config.maxPositions).contains(windowTokens) else {
            throw CPRSError(
                code: .invalidArgument,
                message: "windowTokens must be in 1...\(config.maxPositions), the model's max_position_embeddings"
                    + " (got \(windowTokens))")
        }
        let backend = try DenseBackend(pool: pool, config: config)
        let weights = try Qwen2Weights(config, tensors: tensors, backend: backend)
        self.config = config
        self.limits = CriticLimits(
            maxWindowTokens: windowTokens, trainedWindowTokens: config.trainedWindowTokens,
            vocabularySize: config.vocabularySize, threshold: Float(config.threshold))
        self.precision = .f32
        self.packingTime = .zero
        self.copiedBytes = weights.layers.reduce(0) { total, layer in
            let matrices = [
                layer.query, layer.key, layer.value, layer.attentionOutput, layer.gate, layer.up, layer.down,
            ]
            return total + matrices.reduce(0) { $0 + $1.copiedBytes }
        }
        self.forward = Qwen2Forward(
            config: config, weights: weights, backend: backend,
            attention: try BlockedAttention(pool: pool, config: config), pool: pool)
        self.head = CriticHead(
            labelHead: weights.labelHead.matrix, labelBias: weights.labelBias.matrix, lmHead: weights.lmHead)
        self.scratch = try Qwen2Scratch(config, windowTokens: windowTokens)
    }

    /// Scores the context tokens of one window. A window without context gives an empty output and runs nothing.
    ///
    /// - Throws: `invalidArgument` if the window is too long or an id is outside the vocabulary; `modelUnusable` if a
    ///   logit is not finite.
    package func score(_ window: CriticWindow) throws(CPRSError) -> CriticOutput {
        try self.check(window)
        guard !window.context.isEmpty else { return CriticOutput(labelLogits: [], tagLogits: []) }
        var clock = StageClock()
        let hidden = self.forward.run(window, scratch: self.scratch, clock: &clock)
        let logits = try self.head.read(hidden, tags: window.tags, scratch: self.scratch)
        clock.lap(\.head)
        return CriticOutput(labelLogits: logits.labels, tagLogits: logits.tags, timings: clock.timings)
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
