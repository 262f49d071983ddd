/// Scores the context tokens of one window; the seam between the engine and a model.
///
/// A window's result depends on that window alone, never on the ones before it.
package protocol TokenCritic: AnyObject {
    /// What the model can take.
    var limits: CriticLimits { get }

    /// Scores one window.
    ///
    /// - Throws: `invalidArgument` if the window is longer than `limits.maxWindowTokens` or holds an id outside the
    ///   vocabulary.
    func score(_ window: CriticWindow) throws(CPRSError) -> CriticOutput

    /// Scores several windows, of one request or of many; what each gets does not depend on the others.
    ///
    /// Windows of up to `limits.batchTokens` tokens in all are computed together, which is faster if they are short;
    /// more are computed in several steps.
    ///
    /// - Returns: one output for each window, in order.
    /// - Throws: as ``score(_:)-(CriticWindow)``, if that would throw for any of the windows.
    func score(_ windows: [CriticWindow]) throws(CPRSError) -> [CriticOutput]
}

extension TokenCritic {
    package func score(_ windows: [CriticWindow]) throws(CPRSError) -> [CriticOutput] {
        var outputs: [CriticOutput] = []
        for window in windows { outputs.append(try self.score(window)) }
        return outputs
    }
}

/// What a critic can take in one window.
package struct CriticLimits: Hashable, Sendable {
    /// Most tokens in a window, prompt included; `max_position_embeddings`.
    package var maxWindowTokens: Int
    /// Tokens in a window, prompt included, that the model was trained for; `cprs_window_tokens`.
    package var trainedWindowTokens: Int
    /// Ids are in `0..<vocabularySize`.
    package var vocabularySize: Int
    /// Least score of a kept unit unless the caller names one; `cprs_threshold`.
    package var threshold: Float
    /// Tokens, prompts included, that a batch of windows should have at most; 1 if batches gain nothing.
    package var batchTokens: Int

    package init(
        maxWindowTokens: Int, trainedWindowTokens: Int, vocabularySize: Int, threshold: Float = 0.5,
        batchTokens: Int = 1
    ) {
        self.maxWindowTokens = maxWindowTokens
        self.trainedWindowTokens = trainedWindowTokens
        self.vocabularySize = vocabularySize
        self.threshold = threshold
        self.batchTokens = batchTokens
    }
}

/// One window as the model sees it: the prompt, then a piece of the context.
package struct CriticWindow: Hashable, Sendable {
    /// Instruction, query and markers; the same in every window of a request.
    package var prompt: [TokenID]
    /// The tokens to be scored.
    package var context: [TokenID]
    /// First token of each tag word; the LM head is read at these rows only.
    package var tags: [TokenID]

    package init(prompt: [TokenID], context: [TokenID], tags: [TokenID]) {
        self.prompt = prompt
        self.context = context
        self.tags = tags
    }
}

/// The two heads' logits at the context tokens of one window.
package struct CriticOutput: Sendable {
    /// `[T, 4]` float32, row-major; T context tokens, columns in the order of ``BIOE``.
    package var labelLogits: [Float]
    /// `[T, G]` float32, row-major; G tags in the window's order. Empty when the model has no LM head or no tag was asked.
    package var tagLogits: [Float]
    /// Wall time by stage.
    package var timings: StageTimings

    package init(labelLogits: [Float], tagLogits: [Float], timings: StageTimings = StageTimings()) {
        self.labelLogits = labelLogits
        self.tagLogits = tagLogits
        self.timings = timings
    }
}

/// Where a forward pass spent its time.
package struct StageTimings: Hashable, Sendable {
    /// Normalisation, q/k/v projections, biases, rotary embedding.
    package var qkv: Duration = .zero
    /// Scores, softmax, weighted sums.
    package var attention: Duration = .zero
    /// Attention's output projection and the feed-forward block.
    package var mlp: Duration = .zero
    /// Embedding, last normalisation, both heads.
    package var head: Duration = .zero
    /// The calling thread's wait for the other threads at the end of a step; not part of the step's own time.
    package var wait: Duration = .zero

    package init() {}

    package static func += (total: inout Self, other: Self) {
        total.qkv += other.qkv
        total.attention += other.attention
        total.mlp += other.mlp
        total.head += other.head
        total.wait += other.wait
    }
}
