import CPRSCore
import CPRSPatterns
import CPRSTestSupport

/// All matches in `bytes` given in one piece, by end, then start.
func matches(of patterns: PatternSet, in bytes: [UInt8]) -> [ByteRange] {
    var search = PatternSearch(patterns)
    var found: [ByteRange] = []
    search.append(bytes, into: &found)
    search.finish(into: &found)
    return found.inOrder
}

/// The texts that one regex matches in `text`, in order.
func texts(matching regex: String, in text: String) throws -> [String] {
    let bytes = Array(text.utf8)
    return matches(of: try PatternSet(literals: [], regexes: [regex]), in: bytes).map {
        String(decoding: bytes[$0], as: UTF8.self)
    }
}

extension [ByteRange] {
    /// By end, then start.
    var inOrder: Self { self.sorted { ($0.upperBound, $0.lowerBound) < ($1.upperBound, $1.lowerBound) } }
}

extension SeededGenerator {
    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

    /// Cuts `bytes` into pieces of 0...`longest` bytes.
    mutating func chunks(of bytes: [UInt8], longest: Int) -> [[UInt8]] {
        var chunks: [[UInt8]] = []
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + self.below(longest + 1))
            chunks.append(Array(bytes[start..<end]))
            start = end
        }
        return chunks
    }
}
