internal import CPRSWire

/// What stays, given the scores.
public struct Selection: Hashable, Sendable {
    /// The unit that is kept or dropped as a whole.
    public enum Granularity: String, CaseIterable, Sendable {
        case token, word, sentence, line, paragraph
        /// A line, or a member or element of JSON that shares its line with the next.
        case record
    }

    /// The most that may be kept.
    public enum Budget: Hashable, Sendable {
        /// Tokens of the input, at least 1.
        case maxTokens(Int)
        /// Share of the input's tokens, above 0 and at most 1.
        case ratio(Double)
    }

    /// The unit that is kept or dropped as a whole; nil for the preset's.
    public var granularity: Granularity?
    /// Least score of a kept unit, 0 to 1; nil for 0.5, or no bound when there is a budget.
    public var threshold: Float?
    /// The most that may be kept; nil for no bound.
    public var budget: Budget?
    /// Spans of fewer tokens are dropped.
    public var minSpanTokens: Int?
    /// Grow spans to whole sentences.
    public var wholeSentences = false
    /// Use the published reference's span rules.
    public var usesReferenceDecoding = false
    /// Texts whose units are kept whatever their score.
    public var keepLiterals: [String] = []
    /// Regular expressions whose matches' units are kept whatever their score.
    public var keepRegexes: [String] = []
    /// Count the question's words beside the model's score, where the model brings a lexicon; nil for what the preset does.
    public var matchesWords: Bool?

    /// The defaults.
    public init() {}
}

extension Selection {
    /// As it travels.
    var wire: Cprs_V1_Selection {
        var selection = Cprs_V1_Selection()
        selection.granularity = self.granularity.map(\.wire) ?? .unspecified
        if let threshold = self.threshold { selection.threshold = threshold }
        switch self.budget {
        // A negative number is refused by the daemon as 0.
        case .maxTokens(let tokens): selection.maxTokens = UInt64(clamping: tokens)
        case .ratio(let ratio): selection.ratio = ratio
        case nil: break
        }
        if let tokens = self.minSpanTokens { selection.minSpanTokens = UInt32(clamping: tokens) }
        selection.wholeSentences = self.wholeSentences
        selection.decoding = self.usesReferenceDecoding ? .reference : .default
        selection.keepLiterals = self.keepLiterals
        selection.keepRegexes = self.keepRegexes
        if let matchesWords = self.matchesWords { selection.matchWords = matchesWords }
        return selection
    }
}

extension Selection.Granularity {
    fileprivate var wire: Cprs_V1_Granularity {
        switch self {
        case .token: .token
        case .word: .word
        case .sentence: .sentence
        case .line: .line
        case .paragraph: .paragraph
        case .record: .record
        }
    }
}
