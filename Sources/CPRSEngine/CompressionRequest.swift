package import CPRSCore
package import CPRSSegmentation

/// What a caller wants kept of a context; everything but the context itself.
package struct CompressionRequest: Hashable, Sendable {
    /// How labels become decisions.
    package enum Decoding: String, CaseIterable, Sendable {
        /// Units (words, sentences, lines …) kept by score.
        case `default`
        /// The published reference's span rules, for people who move from it.
        case reference
    }

    /// The system turn: what to keep, how coarse, under which tags.
    package var instruction: String
    /// The user turn: the question. May be empty if the instruction needs none.
    package var query: String
    /// Category words; the score is multiplied by the probability of the best one. `outside` is never chosen.
    package var tags: [String]
    /// The unit that is kept or dropped as a whole.
    package var granularity: Granularity
    /// Least score of a kept unit, 0...1; nil means the model's own, or no bound when there is a budget.
    package var threshold: Float?
    /// Spans of fewer tokens are dropped. Reference decoding keeps spans of *more* than this many.
    package var minSpanTokens: Int?
    /// Grow spans to whole sentences; for `token` granularity and reference decoding.
    package var wholeSentences: Bool
    /// How labels become decisions.
    package var decoding: Decoding
    /// Most that may be kept; nil for no bound.
    package var budget: Budget?
    /// Texts whose units are kept whatever their score.
    package var keepLiterals: [String]
    /// Regular expressions whose matches' units are kept whatever their score.
    package var keepRegexes: [String]
    /// Whether words of the query in and around a unit count beside the critic's score.
    ///
    /// It takes a model that brings a lexicon and units of at least a line; elsewhere it changes nothing.
    package var matchesWords: Bool
    /// Tokens in a window, prompt included; nil for what the model was trained with.
    package var windowTokens: Int?

    /// A request with a preset's instruction and defaults elsewhere.
    package init(preset: Preset, query: String) {
        self.instruction = preset.instruction
        self.query = query
        self.tags = preset.tags
        self.granularity = preset.granularity
        self.threshold = nil
        self.minSpanTokens = nil
        self.wholeSentences = false
        self.decoding = .default
        self.budget = nil
        self.keepLiterals = []
        self.keepRegexes = []
        self.matchesWords = preset.matchesWords
        self.windowTokens = nil
    }
}

extension CompressionRequest {
    /// `min_keyword_len` of the published reference.
    package static let referenceMinSpanTokens = 4
    /// A tag word that stands for dropped tokens.
    package static let outsideTag = "outside"

    /// Checks every field that can be checked without a model.
    ///
    /// - Throws: `invalidArgument` naming the field, the allowed range and the value.
    package func validate() throws(CPRSError) {
        if let threshold = self.threshold, !(threshold >= 0 && threshold <= 1) {
            throw Self.invalid("threshold", "threshold must be in 0...1 (got \(threshold))")
        }
        if let tokens = self.minSpanTokens, tokens < 0 {
            throw Self.invalid("minSpanTokens", "minSpanTokens must be at least 0 (got \(tokens))")
        }
        switch self.budget {
        case .maxTokens(let tokens) where tokens < 1:
            throw Self.invalid("maxTokens", "maxTokens must be at least 1 (got \(tokens))")
        case .ratio(let ratio) where !(ratio > 0 && ratio <= 1):
            throw Self.invalid("ratio", "ratio must be above 0 and at most 1 (got \(ratio))")
        default: break
        }
        for tag in self.tags where tag.isEmpty { throw Self.invalid("tags", "a tag must not be empty") }
        if Set(self.tags).count != self.tags.count { throw Self.invalid("tags", "tags must differ (got \(self.tags))") }
        if !self.tags.isEmpty, self.tags.allSatisfy({ $0 == Self.outsideTag }) {
            throw Self.invalid("tags", "tags must hold one beside '\(Self.outsideTag)'")
        }
        if self.decoding == .reference { try self.validateReference() }
    }

    private func validateReference() throws(CPRSError) {
        if self.budget != nil {
            throw Self.invalid("decoding", "reference decoding has no scores to fill a budget with; use default")
        }
        if self.threshold != nil { throw Self.invalid("decoding", "reference decoding has no threshold; use default") }
        if !self.keepLiterals.isEmpty || !self.keepRegexes.isEmpty {
            throw Self.invalid("decoding", "reference decoding cannot force-keep; use default")
        }
    }

    private static func invalid(_ field: String, _ message: String) -> CPRSError {
        CPRSError(code: .invalidArgument, message: message, details: .init(field: field))
    }
}
