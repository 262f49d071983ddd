internal import CPRSCore
internal import CPRSSegmentation

/// The published reference's decoding, applied to each window on its own as the reference does.
struct ReferenceRule: DecisionRule {
    private let minSpanTokens: Int
    private let wholeSentences: Bool
    private let tags: [String]
    private var text = TextBuffer()
    private var ready: [KeptSpan] = []
    private var decidedBytes = 0
    private(set) var bestDroppedScore: Float?

    init(_ request: CompressionRequest) {
        self.minSpanTokens = request.minSpanTokens ?? CompressionRequest.referenceMinSpanTokens
        self.wholeSentences = request.wholeSentences
        self.tags = request.tags
    }

    mutating func append(text: [UInt8], tokens: [Token], sentences: UnitEnds) { self.text.append(text) }

    mutating func finish(tokens: [Token], sentences: UnitEnds, total: ContextSize) {}

    mutating func accept(_ tokens: [ScoredToken]) {
        guard let first = tokens.first, let last = tokens.last else { return }
        let window = first.token.bytes.lowerBound..<last.token.bytes.upperBound
        let spans = ReferenceDecoder.spans(
            text: Array(self.text[window]),
            tokens: tokens.map { token in
                token.token.bytes.lowerBound - window.lowerBound..<token.token.bytes.upperBound - window.lowerBound
            },
            labels: ReferenceDecoder.correctedLabels(tokens.map(\.label)), minSpanTokens: self.minSpanTokens,
            wholeSentences: self.wholeSentences)
        var next = 0
        var end = window.lowerBound
        for span in spans {
            // A span that grew to a whole sentence may reach into the next one; no byte is handed out twice.
            let start = max(end, window.lowerBound + span.strippedBytes.lowerBound)
            end = max(end, window.lowerBound + span.strippedBytes.upperBound)
            guard start < end else { continue }
            self.skip(tokens, &next, until: { $0.token.bytes.upperBound > start })
            let first = next
            self.skip(tokens, &next, until: { $0.token.bytes.lowerBound >= end }, dropping: false)
            self.keep(start..<end, tokens[first..<next])
        }
        self.skip(tokens, &next, until: { _ in false })
        self.decidedBytes = window.upperBound
        self.text.release(before: window.upperBound)
    }

    mutating func takeDecisions(allScored: Bool) -> Decisions {
        var decisions = Decisions()
        swap(&decisions.kept, &self.ready)
        // An accent that normalization joined to the last letter lies behind every token.
        if allScored { self.decidedBytes = self.text.end }
        decisions.finalBytes = self.decidedBytes
        return decisions
    }

    private mutating func skip(
        _ tokens: [ScoredToken], _ next: inout Int, until isPast: (ScoredToken) -> Bool, dropping: Bool = true
    ) {
        while next < tokens.count, !isPast(tokens[next]) {
            if dropping { self.bestDroppedScore = max(self.bestDroppedScore ?? 0, tokens[next].score) }
            next += 1
        }
    }

    private mutating func keep(_ bytes: ByteRange, _ tokens: ArraySlice<ScoredToken>) {
        let best = tokens.max { $0.score < $1.score }
        let mean = tokens.reduce(0) { $0 + $1.score } / Float(max(1, tokens.count))
        let tag = self.tags.isEmpty ? nil : best.map { self.tags[$0.tag] }
        self.ready.append(KeptSpan(bytes: bytes, tokens: tokens.count, score: mean, tag: tag, forced: false))
    }
}
