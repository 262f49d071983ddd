internal import CPRSCore
internal import CPRSSegmentation

extension FuzzTarget {
    /// Reference decoding of any labels on any text: spans ascend and lie in the text, correcting labels twice changes
    /// nothing, and without growth spans are disjoint.
    static let spans = FuzzTarget(name: "spans") { input in
        var input = FuzzInput(input)
        let options = input.byte()
        let wholeSentences = options & 1 != 0
        let minSpanTokens = Int(options >> 1 & 7)
        let tokenCount = Int(input.byte()) + 1
        var labels: [BIOE] = []
        var tokens: [ByteRange] = []
        var start = 0
        let steps = (0..<tokenCount).map { _ in input.byte() }
        let text = input.rest
        for step in steps {
            // Two bits of label; tokens of 0 to 7 bytes, which may end inside a character. A high bit repeats them.
            for _ in 0..<(step & 0x80 != 0 ? 20 : 1) {
                labels.append(BIOE(rawValue: step & 3) ?? .outside)
                let end = min(text.count, start + Int(step >> 2 & 7))
                tokens.append(start..<end)
                start = end
            }
        }
        let corrected = ReferenceDecoder.correctedLabels(labels)
        try require(ReferenceDecoder.correctedLabels(corrected) == corrected, "correcting labels is idempotent")
        let changed = zip(labels, corrected).contains { $0 != $1 && ($0 != .outside || $1 != .inside) }
        try require(corrected.count == labels.count && !changed, "only O becomes I")
        let spans = ReferenceDecoder.spans(
            text: text, tokens: tokens, labels: corrected, minSpanTokens: minSpanTokens, wholeSentences: wholeSentences)
        var previous = 0..<0
        for span in spans {
            try require(span.bytes.upperBound <= text.count, "\(span.bytes) lies in \(text.count) bytes")
            try require(
                span.bytes.lowerBound <= span.strippedBytes.lowerBound
                    && span.strippedBytes.upperBound <= span.bytes.upperBound && !span.strippedBytes.isEmpty,
                "\(span.strippedBytes) lies in \(span.bytes)")
            let isAfter =
                wholeSentences
                ? previous.lowerBound <= span.bytes.lowerBound : previous.upperBound <= span.bytes.lowerBound
            try require(isAfter, "\(span.bytes) comes after \(previous)")
            previous = span.bytes
        }
    }
}
