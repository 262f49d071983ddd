package import CPRSCore

/// The distinct words that are looked for in a text, and how rare each is: those of the question, and those of the format
/// that the instruction spells out, if it does.
package struct QueryWords: Sendable {
    /// Words that can be told apart: one bit each. The rarest are kept.
    package static let maxWords = 64

    /// Inverse document frequency of each word of the question, 0 or more, and 0 for those of the format alone; a word's
    /// index is its bit.
    let idf: [Double]
    /// The words of the format, one bit each; 0 if there is none.
    let format: UInt64
    /// The compounds of the question, each with its parts: what has a part only lacks the key.
    let keys: [Key]
    /// The other words, one bit each.
    let plain: UInt64
    /// Sum of `idf`.
    let totalIDF: Double
    /// Sum of the idf of `plain`.
    let plainIDF: Double
    /// Mean of the idf of `keys`; 0 without any.
    let keyIDF: Double
    /// The greatest of `idf`.
    let greatestIDF: Double
    let bits: [WordKey: Int]

    /// A compound and its parts.
    struct Key: Sendable {
        /// One bit each.
        let words: UInt64
        /// Sum of their idf.
        let idf: Double
    }

    /// Collects the words of a question, and those of a format that are tokens of their own.
    package init(_ query: [TokenID], format: [TokenID] = [], table: LexicalTable) {
        let (question, compounds) = Self.words(of: query, table: table)
        let format = Self.words(of: format, table: table).distinct.filter { $0.key.isKnown }
        let isAsked = Set(question.map(\.key))
        let isFormat = Set(format.map(\.key))
        var found = question + format.filter { !isAsked.contains($0.key) }
        if found.count > Self.maxWords {
            let rarest = found.indices.sorted { (found[$1].idf, $0) < (found[$0].idf, $1) }
            found = rarest.prefix(Self.maxWords).sorted().map { found[$0] }
        }
        let idf = found.map { isAsked.contains($0.key) ? $0.idf : 0 }
        let bits = Dictionary(uniqueKeysWithValues: found.enumerated().map { ($1.key, $0) })
        let keys = compounds.filter { bits[$0[0]] != nil }.map { Self.key($0, bits, idf) }.filter { $0.idf > 0 }
        self.idf = idf
        self.bits = bits
        self.keys = keys
        let plain = keys.reduce(UInt64.max) { $0 & ~$1.words }
        self.plain = plain
        self.plainIDF = idf.indices.reduce(0) { plain & 1 << UInt64($1) != 0 ? $0 + idf[$1] : $0 }
        self.keyIDF = keys.isEmpty ? 0 : keys.reduce(0) { $0 + $1.idf } / Double(keys.count)
        self.format = found.indices.reduce(0) { isFormat.contains(found[$1].key) ? $0 | 1 << UInt64($1) : $0 }
        self.totalIDF = self.idf.reduce(0, +)
        self.greatestIDF = self.idf.max() ?? 0
    }

    /// Whether there is nothing to match.
    package var isEmpty: Bool { self.totalIDF <= 0 }

    private static func key(_ compound: [WordKey], _ bits: [WordKey: Int], _ idf: [Double]) -> Key {
        let members = Set(compound.compactMap { bits[$0] })
        // In the order of the bits, so that equal questions give equal sums.
        return Key(
            words: members.reduce(0) { $0 | 1 << UInt64($1) }, idf: members.sorted().reduce(0) { $0 + idf[$1] })
    }

    /// The distinct words and compounds, in order, and of each distinct compound its key and those of its parts.
    private static func words(
        of tokens: [TokenID], table: LexicalTable
    ) -> (distinct: [FoundWord], compounds: [[WordKey]]) {
        var distinct: [FoundWord] = []
        var compounds: [[WordKey]] = []
        var known: Set<WordKey> = []
        var parts: [WordKey] = []
        var reader = WordReader()
        for id in tokens + [-1] {
            // An id that is no token ends the last word.
            let closed = reader.append(table[id], in: table)
            if let word = closed.word {
                parts.append(word.key)
                if known.insert(word.key).inserted { distinct.append(word) }
            }
            if let compound = closed.compound, known.insert(compound.key).inserted {
                distinct.append(compound)
                compounds.append([compound.key] + parts.suffix(closed.parts))
            }
        }
        return (distinct, compounds)
    }
}
