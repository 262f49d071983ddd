internal import ArgumentParser
internal import CPRSCore
internal import CPRSEngine
internal import CPRSSegmentation

extension Granularity: ExpressibleByArgument {}
extension CompressionRequest.Decoding: ExpressibleByArgument {}

/// Whether words of the question count.
enum WordMatching: String, CaseIterable, ExpressibleByArgument { case on, off }

/// What stays, given the scores.
struct SelectionOptions: ParsableArguments {
    @Option(
        help:
            "Unit that is kept or dropped as a whole: \(Granularity.allCases.map(\.rawValue).joined(separator: ", ")) (default: the preset's)."
    )
    var granularity: Granularity?

    @Option(help: "Least score of a kept unit, 0 to 1 (default: the model's, or none with a budget).")
    var threshold: Float?

    @Option(help: ArgumentHelp("Keep the best-scored units, at most this many tokens of the input.", valueName: "n"))
    var maxTokens: Int?

    @Option(
        help: ArgumentHelp(
            "Keep the best-scored units, at most this share of the input's tokens, above 0 to 1.", valueName: "share"))
    var ratio: Double?

    @Option(
        help: ArgumentHelp(
            "Drop spans of fewer tokens (reference decoding: keep spans of more tokens, default 4).", valueName: "n"))
    var minSpanTokens: Int?

    @Flag(help: "Grow spans to whole sentences (for --granularity token and reference decoding).")
    var wholeSentences = false

    @Option(
        name: .customLong("keep-literal"),
        help: ArgumentHelp("Keep the units that contain this text; repeatable.", valueName: "text"))
    var keepLiterals: [String] = []

    @Option(
        name: .customLong("keep-regex"),
        help: ArgumentHelp("Keep the units that this expression matches in; repeatable.", valueName: "regex"))
    var keepRegexes: [String] = []

    @Option(
        name: .customLong("lexical"),
        help:
            "Count the question's words in and around a sentence, line, record or paragraph beside the critic's score: on or off (default: on for all presets but keyword, if the model brings a lexicon)."
    )
    var wordMatching: WordMatching?

    @Option(help: "How labels become spans: default, or reference for the published service's rules.")
    var decoding: CompressionRequest.Decoding = .default

    /// Whether words of the question count; nil for the preset's.
    var matchesWords: Bool? { self.wordMatching.map { $0 == .on } }

    /// Copies the options into a request.
    func apply(to request: inout CompressionRequest) throws(CPRSError) {
        request.threshold = self.threshold
        request.minSpanTokens = self.minSpanTokens
        request.wholeSentences = self.wholeSentences
        request.keepLiterals = self.keepLiterals
        request.keepRegexes = self.keepRegexes
        request.decoding = self.decoding
        switch (self.maxTokens, self.ratio) {
        case (nil, nil): request.budget = nil
        case (let tokens?, nil): request.budget = .maxTokens(tokens)
        case (nil, let ratio?): request.budget = .ratio(ratio)
        case (_?, _?):
            throw CPRSError(code: .invalidArgument, message: "--max-tokens and --ratio exclude each other")
        }
    }
}
