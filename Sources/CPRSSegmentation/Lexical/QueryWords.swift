package import CPRSCore

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

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
        let bits = Dictionary(uniqueKeysWithValues: found.enumerated().map { ($1.key, $0) })
        self.init(
            idf: found.map { isAsked.contains($0.key) ? $0.idf : 0 },
            keys: compounds.filter { bits[$0[0]] != nil }.map { compound in
                compound.reduce(0) { mask, part in bits[part].map { mask | 1 << UInt64($0) } ?? mask }
            },
            format: found.indices.reduce(0) { isFormat.contains(found[$1].key) ? $0 | 1 << UInt64($1) : $0 },
            bits: bits)
    }

    /// - Parameter keys: the bits of each compound and of its parts.
    private init(idf: [Double], keys: [UInt64], format: UInt64, bits: [WordKey: Int]) {
        func sum(_ words: UInt64) -> Double {
            idf.indices.reduce(0) { words & 1 << UInt64($1) != 0 ? $0 + idf[$1] : $0 }
        }
        self.idf = idf
        self.bits = bits
        self.format = format
        self.keys = keys.map { Key(words: $0, idf: sum($0)) }.filter { $0.idf > 0 }
        self.plain = self.keys.reduce(UInt64.max) { $0 & ~$1.words }
        self.plainIDF = sum(self.plain)
        self.keyIDF = self.keys.isEmpty ? 0 : self.keys.reduce(0) { $0 + $1.idf } / Double(self.keys.count)
        self.totalIDF = idf.reduce(0, +)
        self.greatestIDF = idf.max() ?? 0
    }

    /// The same words, each at most as rare as it is among the units of a whole text.
    func narrowed(to units: [ScoredUnit]) -> QueryWords {
        var counts = Array(repeating: 0, count: self.idf.count)
        for unit in units {
            for word in counts.indices where unit.words & 1 << UInt64(word) != 0 { counts[word] += 1 }
        }
        let idf = self.idf.indices.map { word in
            min(self.idf[word], max(0, log(Double(units.count + 1) / (Double(counts[word]) + 0.5))))
        }
        let narrowed = QueryWords(idf: idf, keys: self.keys.map(\.words), format: self.format, bits: self.bits)
        return narrowed.isEmpty ? self : narrowed
    }

    /// Sum of the idf of a set of words; bits beyond the words count nothing.
    func sum(of words: UInt64) -> Double {
        var sum = 0.0
        self.forEach(words) { sum += self.idf[$0] }
        return sum
    }

    /// Hands over the index of each word of a set.
    func forEach(_ words: UInt64, _ body: (Int) -> Void) {
        var rest = words
        while rest != 0 {
            body(rest.trailingZeroBitCount)
            rest &= rest - 1
        }
    }

    /// Whether there is nothing to match.
    package var isEmpty: Bool { self.totalIDF <= 0 }

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
