package import CPRSCore

/// A span found by ``ReferenceDecoder``.
package struct ReferenceSpan: Hashable, Sendable {
    /// The span with the white space at its ends; what the reference reports as `start` and `end`.
    package var bytes: ByteRange
    /// The span without white space at its ends; what the reference reports as its text.
    package var strippedBytes: ByteRange

    package init(bytes: ByteRange, strippedBytes: ByteRange) {
        self.bytes = bytes
        self.strippedBytes = strippedBytes
    }
}

/// Labels to spans by the rules of the published QwenLong-CPRS service, asymmetries included.
///
/// It exists for people who move from that service and want the same spans. Source: arXiv:2505.18092 and the behaviour of
/// its published implementation, pinned by golden vectors.
package enum ReferenceDecoder {
    /// Labels this far apart, or further, are not joined.
    private static let maxGapTokens = 20

    /// Fills gaps: from each B to the right, an O run between two labelled tokens less than 20 apart becomes I, up to and
    /// including the gap before the next B or E.
    ///
    /// The published service means to do the same from each E to the left; that pass has no effect there, so it is left
    /// out here.
    /// - Complexity: O(labels); from one B the search never passes the next.
    package static func correctedLabels(_ labels: [BIOE]) -> [BIOE] {
        var labels = labels
        for begin in labels.indices where labels[begin] == .begin {
            var last = begin
            for index in begin + 1..<max(labels.count, begin + 1) where labels[index] != .outside {
                guard index - last < Self.maxGapTokens else { break }
                for filled in last + 1..<index { labels[filled] = .inside }
                last = index
                if labels[index] == .begin || labels[index] == .end { break }
            }
        }
        return labels
    }

    /// The spans of one context.
    ///
    /// - Parameters:
    ///   - text: the whole context, UTF-8.
    ///   - tokens: the tokens' byte ranges in `text`, ascending; only their starts matter, and a start inside a character
    ///     counts as the character's own.
    ///   - labels: one for each token, from ``correctedLabels(_:)``.
    ///   - minSpanTokens: a span needs more tokens than this; the service's default is 4.
    ///   - wholeSentences: grow spans to the ends of sentences.
    /// - Complexity: O(text + tokens).
    package static func spans(
        text: [UInt8], tokens: [ByteRange], labels: [BIOE], minSpanTokens: Int, wholeSentences: Bool
    ) -> [ReferenceSpan] {
        precondition(tokens.count == labels.count, "\(tokens.count) tokens but \(labels.count) labels")
        let text = ReferenceText(bytes: text)
        var spans: [ReferenceSpan] = []
        var growth = RightGrowth()
        var previousEnd = -1
        var first = 0
        while first < labels.count {
            if labels[first] == .outside {
                first += 1
                continue
            }
            var next = first + 1
            while next < labels.count, labels[next] == .inside || labels[next] == .end { next += 1 }
            var start = text.characterStart(tokens[first].lowerBound)
            var end = next < tokens.count ? text.characterStart(tokens[next].lowerBound) : text.bytes.count
            if next - first > minSpanTokens {
                if wholeSentences {
                    start = text.grownLeft(from: start, past: previousEnd)
                    end = growth.grown(from: end, in: text)
                }
                if let span = text.span(from: start, to: end) { spans.append(span) }
            }
            previousEnd = end
            first = next
        }
        return spans
    }
}

/// Growth to the right, remembering the last stretch that holds no end, so that spans in one sentence cost it once.
private struct RightGrowth {
    private var searched = 0..<0

    mutating func grown(from end: Int, in text: ReferenceText) -> Int {
        if self.searched.contains(end) { return self.searched.upperBound }
        let grown = text.grownRight(from: end)
        if grown > end { self.searched = end..<grown }
        return grown
    }
}

/// A context and where the reference sees characters, sentence ends and white space in it.
private struct ReferenceText {
    let bytes: [UInt8]

    /// The start of the character that byte `offset` belongs to.
    func characterStart(_ offset: Int) -> Int {
        var start = min(offset, self.bytes.count)
        while start > 0, start < self.bytes.count, self.bytes[start] & 0xC0 == 0x80 { start -= 1 }
        return start
    }

    /// Just after the nearest sentence end at or before `start`; not further left than the previous span's end.
    func grownLeft(from start: Int, past previousEnd: Int) -> Int {
        var start = start
        while start > 0, start > previousEnd, !self.endsSentence(before: start) {
            start = self.characterStart(start - 1)
        }
        return start
    }

    /// Just past the next sentence end; at the context's end it stops one character short, as the service does.
    func grownRight(from end: Int) -> Int {
        let last = self.characterStart(max(self.bytes.count - 1, 0))
        var end = end
        while end < last, !self.endsSentence(before: end) { end += self.bytes.span.scalar(at: end).length }
        return end
    }

    /// Whether the character before `offset` ends a sentence; before the start stands the last character, as a Python
    /// index of -1 means.
    private func endsSentence(before offset: Int) -> Bool {
        let character = self.characterStart((offset == 0 ? self.bytes.count : offset) - 1)
        switch self.bytes.span.scalar(at: character).value {
        case 0x2E, 0x3002, 0xFF1A, 0xFF1F, 0xFF01, 0x22, 0x201D, 0x3F, 0x21, 0x0A: return true
        default: return false
        }
    }

    /// The span `start..<end`, or nil if nothing but white space, or but a piece of `（），。！`, is in it.
    func span(from start: Int, to end: Int) -> ReferenceSpan? {
        guard start < end else { return nil }
        var lower = start
        var upper = end
        while lower < upper {
            let (value, length) = self.bytes.span.scalar(at: lower)
            guard Self.isStripped(value) else { break }
            lower += length
        }
        while lower < upper {
            let last = self.characterStart(upper - 1)
            guard Self.isStripped(self.bytes.span.scalar(at: last).value) else { break }
            upper = last
        }
        // In text that is not UTF-8 a character may seem to reach beyond the end.
        guard lower < upper, !Self.isPunctuation(Array(self.bytes[lower..<upper])) else { return nil }
        return ReferenceSpan(bytes: start..<end, strippedBytes: lower..<upper)
    }

    /// White space of Python's `str.strip`: Unicode's and the four information separators.
    private static func isStripped(_ value: UInt32) -> Bool {
        ScalarClass.isWhite(value) || value >= 0x1C && value <= 0x1F
    }

    /// The service drops exactly the pieces of this string, not any mixture of its signs.
    private static func isPunctuation(_ bytes: [UInt8]) -> Bool {
        let dropped = Array("（），。！".utf8)
        guard bytes.count <= dropped.count else { return false }
        return (0...dropped.count - bytes.count).contains { dropped[$0..<$0 + bytes.count].elementsEqual(bytes) }
    }
}
