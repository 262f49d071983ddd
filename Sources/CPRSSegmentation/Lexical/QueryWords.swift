package import CPRSCore

/// The distinct words that are looked for in a text, and how rare each is: those of the question, and those of the format
/// that the instruction spells out, if it does.
package struct QueryWords: Sendable {
    /// Words that can be told apart: one bit each. The rarest are kept.
    package static let maxWords = 64

    /// Inverse document frequency of each word of the question, 0 or more, and 0 for those of the format alone; a word's
    /// index is its bit.
    let idf: [Double]
    /// The same for the words of the format.
    let formatIDF: [Double]
    /// Sum of `idf`.
    let totalIDF: Double
    /// The greatest of `idf`.
    let greatestIDF: Double
    /// Sum of `formatIDF`.
    let totalFormatIDF: Double
    let bits: [WordKey: Int]

    /// Collects the words of a question, and those of a format that are tokens of their own.
    package init(_ query: [TokenID], format: [TokenID] = [], table: LexicalTable) {
        let question = Self.words(of: query, table: table)
        let format = Self.words(of: format, table: table).filter { $0.key.isKnown }
        let isAsked = Set(question.map(\.key))
        let isFormat = Set(format.map(\.key))
        var found = question + format.filter { !isAsked.contains($0.key) }
        if found.count > Self.maxWords {
            let rarest = found.indices.sorted { (found[$1].idf, $0) < (found[$0].idf, $1) }
            found = rarest.prefix(Self.maxWords).sorted().map { found[$0] }
        }
        self.idf = found.map { isAsked.contains($0.key) ? $0.idf : 0 }
        self.formatIDF = found.map { isFormat.contains($0.key) ? $0.idf : 0 }
        self.totalIDF = self.idf.reduce(0, +)
        self.greatestIDF = self.idf.max() ?? 0
        self.totalFormatIDF = self.formatIDF.reduce(0, +)
        self.bits = Dictionary(uniqueKeysWithValues: found.enumerated().map { ($1.key, $0) })
    }

    /// Whether there is nothing to match.
    package var isEmpty: Bool { self.totalIDF <= 0 }

    /// The distinct words, in order.
    private static func words(of tokens: [TokenID], table: LexicalTable) -> [FoundWord] {
        var found: [FoundWord] = []
        var known: Set<WordKey> = []
        var reader = WordReader()
        for id in tokens + [-1] {
            // An id that is no token ends the last word.
            let closed = reader.append(table[id], in: table)
            for word in [closed.word, closed.compound].compactMap({ $0 }) where known.insert(word.key).inserted {
                found.append(word)
            }
        }
        return found
    }
}
