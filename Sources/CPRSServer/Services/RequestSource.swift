internal import CPRSCore
internal import CPRSEngine
internal import CPRSSegmentation
internal import CPRSTokenizer
internal import CPRSWire

/// Where a request's text and scores come from: a caller and a model, or a recording.
struct RequestSource: Sendable {
    let tokenizer: Tokenizer
    let limits: CriticLimits
    /// What the model brings for word matching.
    let lexicon: Lexicon?
    let modelInfo: Cprs_V1_ModelInfo
    /// The model to record with; nil when this is a recording already.
    let model: ServedModel?
    let nextChunk: @Sendable () async throws -> InputChunk?
    let score: @Sendable (SessionWindow, ClientIdentity) async throws -> CriticOutput

    /// A caller's chunks, scored by a model.
    init(model: ServedModel, nextChunk: @escaping @Sendable () async throws -> InputChunk?) {
        self.tokenizer = model.tokenizer
        self.limits = model.limits
        self.lexicon = model.lexicon
        self.modelInfo = model.wire
        self.model = model
        self.nextChunk = nextChunk
        let scoring = model.scoring
        self.score = { window, client in try await scoring.score(window.input, for: client) }
    }

    /// A text that is here already, scored by a model.
    init(model: ServedModel, chunks: [InputChunk]) {
        let list = ChunkList(chunks)
        self.init(model: model, nextChunk: { await list.next() })
    }

    /// A recording: its own text and scores.
    init(recording: Recording) {
        let list = ChunkList(recording.chunks)
        self.tokenizer = recording.tokenizer
        self.limits = recording.limits
        self.lexicon = recording.lexicon
        self.modelInfo = recording.modelInfo
        self.model = nil
        self.nextChunk = { await list.next() }
        self.score = { window, _ in
            guard let output = recording.output(window: window.index) else {
                throw ServiceError(.internal, "the recording lacks window \(window.index)")
            }
            return output
        }
    }

    /// Starts a compression, as a process with the model at hand does.
    ///
    /// - Throws: `invalidArgument`, where the engine says so.
    func session(for request: CompressionRequest) throws(CPRSError) -> Session {
        try Session(request, tokenizer: self.tokenizer, limits: self.limits, lexicon: self.lexicon)
    }
}

/// Chunks that are here already.
private actor ChunkList {
    private var chunks: [InputChunk]

    init(_ chunks: [InputChunk]) { self.chunks = chunks.reversed() }

    func next() -> InputChunk? { self.chunks.popLast() }
}
