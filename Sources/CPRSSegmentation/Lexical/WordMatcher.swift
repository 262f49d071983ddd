internal import CPRSCore

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
