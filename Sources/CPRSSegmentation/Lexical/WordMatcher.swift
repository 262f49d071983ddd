package import CPRSCore

/// The distinct words of a question and how rare each is.
package struct QueryWords: Sendable {
    /// Words of one question that can be told apart: one bit each. The rarest are kept.
    package static let maxWords = 64

    /// Inverse document frequency of each word, 0 or more; a word's index is its bit.
    let idf: [Double]
    /// Sum of `idf`.
    let totalIDF: Double
    let bits: [WordKey: Int]

    /// Collects the words of a question.
    package init(_ query: [TokenID], table: LexicalTable) {
        var found: [FoundWord] = []
        var known: Set<WordKey> = []
        var reader = WordReader()
        for id in query + [-1] {
            // An id that is no token ends the last word.
            let closed = reader.append(table[id], in: table)
            for word in [closed.word, closed.compound].compactMap({ $0 }) where known.insert(word.key).inserted {
                found.append(word)
            }
        }
        if found.count > Self.maxWords {
            let rarest = found.indices.sorted { (found[$1].idf, $0) < (found[$0].idf, $1) }
            found = rarest.prefix(Self.maxWords).sorted().map { found[$0] }
        }
        self.idf = found.map(\.idf)
        self.totalIDF = self.idf.reduce(0, +)
        self.bits = Dictionary(uniqueKeysWithValues: found.enumerated().map { ($1.key, $0) })
    }

    /// Whether there is nothing to match.
    package var isEmpty: Bool { self.totalIDF <= 0 }
}

/// Finds a question's words in a stream of tokens, unit by unit.
///
/// - Complexity: O(1) per token, one or two look-ups per word, no allocation.
struct WordMatcher: Sendable {
    private let table: LexicalTable
    private let bits: [WordKey: Int]
    private var reader = WordReader()
    private var found: UInt64 = 0

    init(_ query: QueryWords, table: LexicalTable) {
        self.table = table
        self.bits = query.bits
    }

    mutating func append(_ id: TokenID) { self.note(self.reader.append(self.table[id], in: self.table)) }

    /// The words since the last call, one bit each; a word never reaches over the end of a unit.
    mutating func takeUnit() -> UInt64 {
        self.note(self.reader.close(in: self.table))
        defer { self.found = 0 }
        return self.found
    }

    private mutating func note(_ closed: WordReader.Closed) {
        if let word = closed.word, let bit = self.bits[word.key] { self.found |= 1 << UInt64(bit) }
        if let compound = closed.compound, let bit = self.bits[compound.key] { self.found |= 1 << UInt64(bit) }
    }
}
