import CPRSCore
import CPRSPatterns
import CPRSTestSupport
import Testing

@Suite("Regex search against the definition")
struct RegexOracleTests {
    @Test("Random regexes find in random texts, in any chunking, what their definition says", arguments: 1...8)
    func definition(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        var found = 0
        var searched = 0
        for _ in 0..<1_500 {
            let sample = SampleRegex(depth: 4, using: &random)
            let ignoringCase = random.below(4) == 0
            let pattern = (ignoringCase ? "(?i)" : "") + sample.pattern
            guard !sample.canBeEmpty else {
                #expect(throws: CPRSError.self, "\(pattern)") { try PatternSet(literals: [], regexes: [pattern]) }
                continue
            }
            let patterns = try PatternSet(literals: [], regexes: [pattern])
            for _ in 0..<4 {
                let text = (0..<random.below(14)).map { _ in
                    SampleRegex.alphabet[random.below(SampleRegex.alphabet.count)]
                }
                let bytes = text.flatMap { Array(String(Character($0)).utf8) }
                let expected = sample.matches(in: text, ignoringCase: ignoringCase)
                #expect(
                    try search(patterns, random.chunks(of: bytes, longest: 4)) == expected,
                    "seed \(seed), \(String(reflecting: pattern)) in \(text)")
                found += expected.count
                searched += 1
            }
        }
        // The samples are worth something only if many are searched and many match.
        #expect(searched > 1_500 && found > 500, "\(searched) searches, \(found) matches")
    }

    /// Searches chunk by chunk, and checks at each that no match breaks what `settledBytes` promised.
    private func search(_ patterns: PatternSet, _ chunks: [[UInt8]]) throws -> [ByteRange] {
        var search = PatternSearch(patterns)
        var found: [ByteRange] = []
        var received = 0
        for index in 0...chunks.count {
            let settled = search.settledBytes
            let known = found.count
            if index < chunks.count {
                search.append(chunks[index], into: &found)
                received += chunks[index].count
            } else {
                search.finish(into: &found)
                #expect(search.settledBytes == received)
            }
            #expect(found[known...].allSatisfy { $0.lowerBound >= settled })
            #expect((settled...received).contains(search.settledBytes))
        }
        return found
    }
}
