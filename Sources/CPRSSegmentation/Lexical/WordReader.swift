/// What words are compared by.
enum WordKey: Hashable, Sendable {
    /// A token's word.
    case known(Int32)
    /// A word that no token spells.
    case spelled(Spelling)
    /// Words joined by hyphens, dots, slashes or at signs, by the letters of all.
    case compound(Spelling)

    var isKnown: Bool { if case .known = self { true } else { false } }
}

struct FoundWord: Sendable {
    let key: WordKey
    let idf: Double
}

/// Reads words and compounds off a stream of tokens.
///
/// `brisk-anchor` gives `brisk`, `anchor` and the compound of both, which is as rare as they are together: what has the
/// whole of a key counts more than what shares a part of it.
struct WordReader: Sendable {
    /// What a token, or the end of a unit, completes.
    struct Closed: Sendable {
        var word: FoundWord?
        var compound: FoundWord?
        /// Words of the compound.
        var parts = 0
    }

    private var word = OpenWord()
    private var compound = OpenCompound()
    /// A link stands between the last word and what comes.
    private var isLinked = false

    /// Takes the next token.
    mutating func append(_ entry: LexicalTable.Entry, in table: LexicalTable) -> Closed {
        if self.word.continues(with: entry) {
            self.word.append(entry)
            return Closed()
        }
        let isLink = self.word.canBeLinked && entry.links
        let goesOn = isLink || self.isLinked && entry.isWord && entry.joins
        let closed = goesOn ? Closed(word: self.closeWord(in: table)) : self.close(in: table)
        if entry.isWord { self.word.append(entry) }
        self.isLinked = isLink && !entry.isWord
        return closed
    }

    /// Ends the word and the compound.
    mutating func close(in table: LexicalTable) -> Closed {
        let word = self.closeWord(in: table)
        self.isLinked = false
        let parts = self.compound.words
        return Closed(word: word, compound: self.compound.close(), parts: parts)
    }

    private mutating func closeWord(in table: LexicalTable) -> FoundWord? {
        guard let (word, spelling) = self.word.close(in: table) else { return nil }
        self.compound.append(spelling, idf: word.idf)
        return word
    }
}

/// A word while its tokens arrive.
private struct OpenWord: Sendable {
    private var tokens = 0
    private var first = LexicalTable.Entry.none
    private var last = LexicalTable.Entry.none
    private var spelling = Spelling()
    private var idf = 0.0

    var canBeLinked: Bool { self.tokens > 0 && self.last.extends }

    func continues(with entry: LexicalTable.Entry) -> Bool { self.canBeLinked && entry.isWord && entry.joins }

    mutating func append(_ entry: LexicalTable.Entry) {
        if self.tokens == 0 { self.first = entry }
        self.tokens += 1
        self.last = entry
        self.spelling.append(entry.spelling)
        self.idf += Double(entry.idf)
    }

    /// Ends the word; nil if there is none. A word of several tokens that none spells is as rare as all of them together.
    mutating func close(in table: LexicalTable) -> (word: FoundWord, spelling: Spelling)? {
        guard self.tokens > 0 else { return nil }
        defer { self = OpenWord() }
        if let known = self.tokens == 1 ? self.first : table[self.spelling] {
            return (FoundWord(key: .known(known.wordClass), idf: Double(known.idf)), self.spelling)
        }
        return (FoundWord(key: .spelled(self.spelling), idf: min(self.idf, table.greatestIDF)), self.spelling)
    }
}

/// Linked words while they arrive.
private struct OpenCompound: Sendable {
    private(set) var words = 0
    private var spelling = Spelling()
    private var idf = 0.0

    mutating func append(_ word: Spelling, idf: Double) {
        self.words += 1
        self.spelling.append(word)
        self.idf += idf
    }

    /// Ends the compound; nil if it is one word or none.
    mutating func close() -> FoundWord? {
        defer { self = OpenCompound() }
        guard self.words > 1 else { return nil }
        return FoundWord(key: .compound(self.spelling), idf: min(self.idf, Double(LexicalTable.maxIDF)))
    }
}
