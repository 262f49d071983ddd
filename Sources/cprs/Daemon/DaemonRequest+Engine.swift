internal import CPRSClient
internal import CPRSCore
internal import CPRSEngine
internal import CPRSSegmentation

extension DaemonRequest {
    /// A request of the engine's, as the daemon is asked for it.
    ///
    /// - Parameters:
    ///   - preset: names the instruction, in the daemon's model's wording; nil if the caller wrote one.
    ///   - granularity: the caller's; nil for the preset's.
    ///   - matchesWords: the caller's; nil for the preset's.
    init(
        _ request: CPRSEngine.CompressionRequest, preset: Preset?, granularity: Granularity?, matchesWords: Bool?
    ) {
        if let preset {
            self.init(preset: preset.name, query: request.query)
        } else {
            self.init(instruction: request.instruction, query: request.query)
        }
        self.tags = request.tags
        self.windowTokens = request.windowTokens
        self.selection.granularity = granularity.flatMap { DaemonSelection.Granularity(rawValue: $0.rawValue) }
        self.selection.threshold = request.threshold
        switch request.budget {
        case .maxTokens(let tokens): self.selection.budget = .maxTokens(tokens)
        case .ratio(let ratio): self.selection.budget = .ratio(ratio)
        case nil: break
        }
        self.selection.minSpanTokens = request.minSpanTokens
        self.selection.wholeSentences = request.wholeSentences
        self.selection.usesReferenceDecoding = request.decoding == .reference
        self.selection.keepLiterals = request.keepLiterals
        self.selection.keepRegexes = request.keepRegexes
        self.selection.matchesWords = matchesWords
    }
}

extension DaemonDecision {
    /// What stays, in the engine's terms.
    var engineSpans: [CPRSEngine.KeptSpan] {
        self.kept.map { span in
            CPRSEngine.KeptSpan(
                bytes: span.bytes, tokens: span.tokens, score: span.score, tag: span.tag, forced: span.isForced)
        }
    }
}

extension CompressionSummary {
    /// The daemon's figures.
    init(_ summary: DaemonSummary, promptTokens: Int) {
        self.init()
        self.contextBytes = summary.inputBytes
        self.contextTokens = summary.inputTokens
        self.keptBytes = summary.keptBytes
        self.keptTokens = summary.keptTokens
        self.keptSpans = summary.keptSpans
        self.windows = summary.windows
        self.promptTokens = promptTokens
        self.bestDroppedScore = summary.bestDroppedScore
        self.timings.qkv = summary.stages.qkv
        self.timings.attention = summary.stages.attention
        self.timings.mlp = summary.stages.mlp
        self.timings.head = summary.stages.head
        self.timings.wait = summary.stages.wait
        self.elapsed = summary.elapsed
    }
}
