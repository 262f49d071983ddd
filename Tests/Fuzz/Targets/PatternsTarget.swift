internal import CPRSCore
internal import CPRSPatterns

extension FuzzTarget {
    /// Any patterns are refused or searched for in bounded steps, with the same matches in any chunking; those of
    /// literals are what comparing byte by byte at every place finds.
    static let patterns = FuzzTarget(name: "patterns") { input in
        var input = FuzzInput(input)
        let sizes = input.chunkSizes()
        let kinds = input.byte()
        var literals: [String] = []
        var regexes: [String] = []
        for index in 0..<(1 + Int(kinds & 3)) {
            let pattern = String(decoding: input.part(until: 0), as: UTF8.self)
            if kinds >> UInt8(2 + index) & 1 != 0 { literals.append(pattern) } else { regexes.append(pattern) }
        }
        let text = input.rest
        guard let patterns = try? PatternSet(literals: literals, regexes: regexes) else { return }
        let whole = try Self.matches(patterns, [text])
        let streamed = try Self.matches(patterns, cut(text, by: sizes))
        try require(whole == streamed, "\(literals) \(regexes): whole \(whole), in chunks \(streamed)")
        guard regexes.isEmpty else { return }
        let expected = Self.longestAtEachEnd(literals.map { Array($0.utf8) }, in: text)
        try require(whole == expected, "\(literals): found \(whole), there is \(expected)")
    }

    private static func matches(_ patterns: PatternSet, _ chunks: [[UInt8]]) throws -> [ByteRange] {
        var search = PatternSearch(patterns)
        var found: [ByteRange] = []
        var received = 0
        for chunk in chunks {
            let (known, settled) = (found.count, search.settledBytes)
            search.append(chunk, into: &found)
            received += chunk.count
            try require(found[known...].allSatisfy { $0.lowerBound >= settled }, "no match before \(settled)")
            try require(settled <= search.settledBytes && search.settledBytes <= received, "settled \(settled)")
        }
        let (known, settled) = (found.count, search.settledBytes)
        search.finish(into: &found)
        try require(found[known...].allSatisfy { $0.lowerBound >= settled }, "no last match before \(settled)")
        try require(found.allSatisfy { !$0.isEmpty && $0.upperBound <= received }, "\(found) lie in \(received) bytes")
        try require(
            search.regexSteps <= 3 * (received + 1) * patterns.regexStates,
            "\(search.regexSteps) steps for \(received) bytes and \(patterns.regexStates) states")
        return found.sorted { ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound) }
    }

    private static func longestAtEachEnd(_ literals: [[UInt8]], in text: [UInt8]) -> [ByteRange] {
        text.indices.compactMap { last in
            literals.map(\.count).filter { count in
                count <= last + 1 && literals.contains { $0.elementsEqual(text[last + 1 - count...last]) }
            }.max().map { last + 1 - $0..<last + 1 }
        }.sorted { ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound) }
    }
}
