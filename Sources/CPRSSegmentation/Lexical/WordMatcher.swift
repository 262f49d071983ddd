package import CPRSCore

/// The distinct words of a question and how rare each is.
package struct QueryWords: Sendable {
    /// Words of one question that can be told apart: one bit each. The rarest are kept.
    package static let maxWords = 64

    /// Inverse document frequency of each word, 0 or more; a word's index is its bit.
    let idf: [Double]
    /// Sum of `idf`.
    let totalIDF: Double
    let bits: [WordHash: Int]

    /// Collects the words of a question.
    package init(_ query: [TokenID], table: LexicalTable) {
        var found: [(hash: WordHash, idf: Double)] = []
        var known: Set<WordHash> = []
        var word = WordHash()
        var idf = 0.0
        func close() {
            if !word.isEmpty, known.insert(word).inserted { found.append((word, min(idf, table.greatestIDF))) }
            (word, idf) = (WordHash(), 0)
        }
        for id in query {
            let entry = table[id]
            if !word.continues(with: entry) { close() }
            word.append(entry)
            if entry.isWord { idf += Double(entry.idf) }
        }
        close()
        if found.count > Self.maxWords {
            let rarest = found.indices.sorted { (found[$1].idf, $0) < (found[$0].idf, $1) }.prefix(Self.maxWords).sorted()
            found = rarest.map { found[$0] }
        }
        self.idf = found.map(\.idf)
        self.totalIDF = self.idf.reduce(0, +)
        self.bits = Dictionary(uniqueKeysWithValues: found.enumerated().map { ($1.hash, $0) })
    }

    /// Whether there is nothing to match.
    package var isEmpty: Bool { self.totalIDF <= 0 }
}

/// A word while its tokens arrive: a hash of their classes, in order.
struct WordHash: Hashable, Sendable {
    private var value: UInt64 = 0
    private var extends = false

    var isEmpty: Bool { self.value == 0 }

    func continues(with entry: LexicalTable.Entry) -> Bool { self.extends && entry.isWord && entry.joins }

    /// Takes a token that continues the word, or the first of a new one if the hash is empty; others are ignored.
    mutating func append(_ entry: LexicalTable.Entry) {
        guard entry.isWord else { return }
        // FNV's prime; the class is counted from 1, so no word's hash stays 0 but for a wrap of 2^64.
        self.value = (self.value ^ UInt64(entry.wordClass + 1)) &* 0x100_0000_01B3
        self.extends = entry.extends
    }

    static func == (left: Self, right: Self) -> Bool { left.value == right.value }
    func hash(into hasher: inout Hasher) { hasher.combine(self.value) }
}

/// Finds a question's words in a stream of tokens, unit by unit.
///
/// - Complexity: O(1) per token, one look-up per word, no allocation.
struct WordMatcher: Sendable {
    private let table: LexicalTable
    private let bits: [WordHash: Int]
    private var word = WordHash()
    private var found: UInt64 = 0

    init(_ query: QueryWords, table: LexicalTable) {
        self.table = table
        self.bits = query.bits
    }

    mutating func append(_ id: TokenID) {
        let entry = self.table[id]
        if !self.word.continues(with: entry) { self.closeWord() }
        self.word.append(entry)
    }

    /// The words since the last call, one bit each; a word never reaches over the end of a unit.
    mutating func takeUnit() -> UInt64 {
        self.closeWord()
        defer { self.found = 0 }
        return self.found
    }

    private mutating func closeWord() {
        guard !self.word.isEmpty else { return }
        if let bit = self.bits[self.word] { self.found |= 1 << UInt64(bit) }
        self.word = WordHash()
    }
}
