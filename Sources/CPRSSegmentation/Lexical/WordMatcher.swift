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
        var found: [(key: WordKey, idf: Double)] = []
        var known: Set<WordKey> = []
        var word = OpenWord()
        for id in query + [-1] {
            // An id that is no token ends the last word.
            if let (key, idf) = word.append(table[id], in: table), known.insert(key).inserted {
                found.append((key, idf))
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

/// What words are compared by.
enum WordKey: Hashable, Sendable {
    /// A token's word.
    case known(Int32)
    /// A word that no token spells.
    case spelled(Spelling)
}

/// A word while its tokens arrive.
struct OpenWord: Sendable {
    private var tokens = 0
    private var first = LexicalTable.Entry.none
    private var last = LexicalTable.Entry.none
    private var spelling = Spelling()
    private var idf = 0.0

    /// Takes the next token; gives the word before it if the token does not continue that.
    mutating func append(_ entry: LexicalTable.Entry, in table: LexicalTable) -> (WordKey, idf: Double)? {
        let continues = self.tokens > 0 && self.last.extends && entry.isWord && entry.joins
        let word = continues ? nil : self.close(in: table)
        if entry.isWord {
            if self.tokens == 0 { self.first = entry }
            self.tokens += 1
            self.last = entry
            self.spelling.append(entry.spelling)
            self.idf += Double(entry.idf)
        }
        return word
    }

    /// Ends the word; nil if there is none. A word of several tokens that none spells is as rare as all of them together.
    mutating func close(in table: LexicalTable) -> (WordKey, idf: Double)? {
        guard self.tokens > 0 else { return nil }
        defer { self = OpenWord() }
        if let known = self.tokens == 1 ? self.first : table[self.spelling] {
            return (.known(known.wordClass), Double(known.idf))
        }
        return (.spelled(self.spelling), min(self.idf, table.greatestIDF))
    }
}

/// Finds a question's words in a stream of tokens, unit by unit.
///
/// - Complexity: O(1) per token, one or two look-ups per word, no allocation.
struct WordMatcher: Sendable {
    private let table: LexicalTable
    private let bits: [WordKey: Int]
    private var word = OpenWord()
    private var found: UInt64 = 0

    init(_ query: QueryWords, table: LexicalTable) {
        self.table = table
        self.bits = query.bits
    }

    mutating func append(_ id: TokenID) {
        if let (key, _) = self.word.append(self.table[id], in: self.table) { self.note(key) }
    }

    /// The words since the last call, one bit each; a word never reaches over the end of a unit.
    mutating func takeUnit() -> UInt64 {
        if let (key, _) = self.word.close(in: self.table) { self.note(key) }
        defer { self.found = 0 }
        return self.found
    }

    private mutating func note(_ key: WordKey) {
        if let bit = self.bits[key] { self.found |= 1 << UInt64(bit) }
    }
}
