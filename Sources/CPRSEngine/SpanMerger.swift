internal import CPRSCore
internal import CPRSSegmentation

/// Joins kept units into spans.
///
/// Tokens and words that touch and share a tag become one span; sentences, lines and paragraphs stay apart, so that each
/// keeps its own score.
struct SpanMerger: Sendable {
    /// Longer runs are handed out in pieces, so that a decision never waits for the end of a text that is kept whole.
    static let maxSpanBytes = 1 << 16

    private let joins: Bool
    private let minTokens: Int
    private let tags: [String]
    /// The span that a next unit may still join; `score` is a sum, weighted by tokens, until it is handed out.
    private var open: (span: KeptSpan, tag: Int, weightedScore: Double)?
    /// The best score among spans that were too short.
    private(set) var bestDroppedScore: Float?

    init(granularity: Granularity, minTokens: Int, tags: [String]) {
        self.joins = granularity == .token || granularity == .word
        self.minTokens = minTokens
        self.tags = tags
    }

    /// Where the open span starts; bytes from there on are not final.
    var openStart: Int? { self.open?.span.bytes.lowerBound }

    /// Takes the next kept unit.
    mutating func append(_ unit: ScoredUnit, forced: Bool, into spans: inout [KeptSpan]) {
        let weighted = Double(unit.score) * Double(unit.tokens)
        if self.joins, var open = self.open, open.span.bytes.upperBound == unit.bytes.lowerBound, open.tag == unit.tag,
            unit.bytes.upperBound - open.span.bytes.lowerBound <= Self.maxSpanBytes
        {
            open.span.bytes = open.span.bytes.lowerBound..<unit.bytes.upperBound
            open.span.tokens += unit.tokens
            open.span.forced = open.span.forced || forced
            open.weightedScore += weighted
            self.open = open
            return
        }
        self.close(into: &spans)
        let span = KeptSpan(
            bytes: unit.bytes, tokens: unit.tokens, score: unit.score,
            tag: self.tags.isEmpty ? nil : self.tags[unit.tag], forced: forced)
        self.open = (span, unit.tag, weighted)
        if !self.joins { self.close(into: &spans) }
    }

    /// Ends the open span: the next unit does not join it.
    mutating func close(into spans: inout [KeptSpan]) {
        guard let open = self.open else { return }
        self.open = nil
        var span = open.span
        if span.tokens > 0 { span.score = Float(open.weightedScore / Double(span.tokens)) }
        if span.forced || span.tokens >= self.minTokens {
            spans.append(span)
        } else {
            self.bestDroppedScore = max(self.bestDroppedScore ?? 0, span.score)
        }
    }
}
