internal import CPRSCore

/// Ends of units for `token` granularity: every token is one, except that tokens which share a character form one.
struct TokenUnits: Sendable {
    private var text = TextBuffer()
    private var lastEnd = 0

    mutating func append(text: [UInt8], tokens: [Token], into ends: inout UnitEnds) {
        self.text.append(text)
        for token in tokens {
            // The end of the token before this one is certain now.
            let edge = token.bytes.lowerBound
            if edge > self.lastEnd, self.text.isScalarBoundary(edge) {
                ends.offsets.append(edge)
                self.lastEnd = edge
            }
        }
        if let last = tokens.last { self.text.release(before: last.bytes.lowerBound) }
        ends.settledBytes = self.lastEnd
    }

    mutating func finish(totalBytes: Int, into ends: inout UnitEnds) {
        if totalBytes > self.lastEnd { ends.offsets.append(totalBytes) }
        self.lastEnd = totalBytes
        ends.settledBytes = totalBytes
    }
}
