internal import CPRSCore

/// Ends of units for `token` granularity: every token is one, except that tokens which share a character form one.
struct TokenUnits: Sendable {
    private var text = TextBuffer()
    private var lastEnd = 0

    mutating func append(text: [UInt8], tokens: [Token], into ends: inout [Int]) {
        self.text.append(text)
        for token in tokens {
            // The end of the token before this one is certain now.
            let edge = token.bytes.lowerBound
            if edge > self.lastEnd, self.text.isScalarBoundary(edge) {
                ends.append(edge)
                self.lastEnd = edge
            }
        }
        if let last = tokens.last { self.text.release(before: last.bytes.lowerBound) }
    }

    mutating func finish(totalBytes: Int, into ends: inout [Int]) {
        if totalBytes > self.lastEnd { ends.append(totalBytes) }
        self.lastEnd = totalBytes
    }
}
