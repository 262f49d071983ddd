internal import CPRSCore

/// Finds a question's words in a stream of tokens, unit by unit.
///
/// - Complexity: O(1) per token, one or two look-ups per word, no allocation.
struct WordMatcher: Sendable {
    private let table: LexicalTable
    private let bits: [WordKey: Int]
    private var reader = WordReader()
    private var found: UInt64 = 0
    private let collectsRareWords: Bool
    private var rare: [RareWord] = []

    /// - Parameter collectsRareWords: whether those that are no words of the question are noted, too.
    init(_ query: QueryWords, table: LexicalTable, collectsRareWords: Bool = false) {
        self.table = table
        self.bits = query.bits
        self.collectsRareWords = collectsRareWords
    }

    mutating func append(_ id: TokenID) { self.note(self.reader.append(self.table[id], in: self.table)) }

    /// The words since the last call, those of the question one bit each; a word never reaches over the end of a unit.
    mutating func takeUnit() -> (words: UInt64, rare: [RareWord]) {
        self.note(self.reader.close(in: self.table))
        defer { (self.found, self.rare) = (0, []) }
        return (self.found, self.rare)
    }

    private mutating func note(_ closed: WordReader.Closed) {
        if let word = closed.word {
            if let bit = self.bits[word.key] {
                self.found |= 1 << UInt64(bit)
            } else if self.collectsRareWords, self.rare.count < RareWord.maxPerUnit, let rare = RareWord(word) {
                if !self.rare.contains(where: { $0.key == rare.key }) { self.rare.append(rare) }
            }
        }
        if let compound = closed.compound, let bit = self.bits[compound.key] { self.found |= 1 << UInt64(bit) }
    }
}
