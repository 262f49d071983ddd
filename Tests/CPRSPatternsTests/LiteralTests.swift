import CPRSCore
import CPRSPatterns
import CPRSTestSupport
import Testing

@Suite("Literal search")
struct LiteralTests {
    @Test("At every end the longest literal is found, as by comparing at every offset", arguments: 1...6)
    func naive(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let alphabet: [Character] = seed.isMultiple(of: 2) ? ["a", "b"] : ["a", "b", "é", "è", "中", "丮", "😀"]
        var found = 0
        for _ in 0..<400 {
            let literals = (0...random.below(8)).map { _ in
                String((0...random.below(5)).map { _ in alphabet[random.below(alphabet.count)] })
            }
            let text = Array(String((0..<random.below(60)).map { _ in alphabet[random.below(alphabet.count)] }).utf8)
            let expected = self.occurrences(of: literals.map { Array($0.utf8) }, in: text)
            let patterns = try PatternSet(literals: literals, regexes: [])
            var search = PatternSearch(patterns)
            var matches: [ByteRange] = []
            for chunk in random.chunks(of: text, longest: 5) {
                let settled = search.settledBytes
                let known = matches.count
                search.append(chunk, into: &matches)
                #expect(matches[known...].allSatisfy { $0.lowerBound >= settled })
            }
            search.finish(into: &matches)
            #expect(matches == expected, "seed \(seed), \(literals) in \(String(decoding: text, as: UTF8.self))")
            found += expected.count
        }
        #expect(found > 1_000)
    }

    @Test("A match is reported with its last byte, and an unfinished one holds the settled offset back")
    func promptness() throws {
        var search = PatternSearch(try PatternSet(literals: ["needle"], regexes: []))
        var matches: [ByteRange] = []
        search.append(Array("a needl".utf8), into: &matches)
        #expect(matches.isEmpty)
        #expect(search.settledBytes == 2)
        search.append(Array("e".utf8), into: &matches)
        #expect(matches == [2..<8])
        search.append(Array("x".utf8), into: &matches)
        #expect(search.settledBytes == 9)
    }

    @Test("Literals are case-sensitive, not normalised, and mean their characters, not regex syntax")
    func exactness() throws {
        let patterns = try PatternSet(literals: ["é", ".*"], regexes: [])
        #expect(matches(of: patterns, in: Array("É e\u{301} .* é".utf8)) == [7..<9, 10..<12])
    }

    private func occurrences(of literals: [[UInt8]], in text: [UInt8]) -> [ByteRange] {
        var found: [ByteRange] = []
        for end in 0...text.count {
            let lengths = literals.map(\.count).filter { $0 <= end }
            let ending = lengths.filter { length in literals.contains(Array(text[end - length..<end])) }
            if let longest = ending.max() { found.append(end - longest..<end) }
        }
        return found
    }
}
