package import CPRSCore
package import CPRSEngine
package import CPRSSegmentation
package import CPRSTokenizer

/// What serves new requests; replaced as a whole when the model is.
package protocol ModelProviding: Sendable {
    /// The model for a request that starts now. The request keeps it to its end.
    func current() -> ServedModel
    /// How busy the scoring is.
    var load: ScoringLoad { get }
}

/// How busy the scoring is; zeros where nobody counts.
package struct ScoringLoad: Hashable, Sendable {
    /// Windows that wait to be scored.
    package var queuedWindows = 0
    /// Their tokens, prompts included.
    package var queuedTokens = 0
    /// Windows that were scored.
    package var scoredWindows = 0
    /// Their tokens, prompts included.
    package var scoredTokens = 0
    /// Tokens that one second of scoring took so far; nil before the first window.
    package var tokensPerSecond: Double?
    /// How long what waits now will take; nil where that is not known.
    package var backlog: Duration?

    package init() {}
}

/// A model as a request sees it.
package struct ServedModel: Sendable {
    /// The folder's name.
    package var name: String
    /// SHA-256 of the weights, 64 hexadecimal digits.
    package var sha256: String
    /// Text to token ids.
    package var tokenizer: Tokenizer
    /// What its critic takes in one window.
    package var limits: CriticLimits
    /// The instructions that it offers, in the wording that it was trained on.
    package var presets: [Preset]
    /// What it brings for word matching; nil for nothing.
    package var lexicon: Lexicon?
    /// Where its windows are scored.
    package var scoring: any WindowScoring

    package init(
        name: String, sha256: String, tokenizer: Tokenizer, limits: CriticLimits, presets: [Preset],
        lexicon: Lexicon?, scoring: any WindowScoring
    ) {
        self.name = name
        self.sha256 = sha256
        self.tokenizer = tokenizer
        self.limits = limits
        self.presets = presets
        self.lexicon = lexicon
        self.scoring = scoring
    }
}

/// A model that is never replaced.
package struct FixedModel: ModelProviding {
    private let model: ServedModel

    package init(_ model: ServedModel) { self.model = model }

    package func current() -> ServedModel { self.model }

    package var load: ScoringLoad { ScoringLoad() }
}
