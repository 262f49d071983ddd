package import CPRSCore

/// Which tokens of a vocabulary spell the same word, and how rare each is: what word matching knows about a language.
///
/// A model brings its own (`cprs_lexicon.safetensors`), counted over its training texts. A word is a run of tokens; the
/// table says of each token whether it may continue the word before it and whether the next may continue it.
package struct LexicalTable: Sendable {
    /// One token: its class, how rare that is, and how it joins its neighbours. 12 bytes.
    struct Entry: Sendable {
        /// Equal for the spellings and inflections of one word; negative for punctuation and white space.
        var wordClass: Int32
        /// Natural logarithm of the inverse share of sentences that hold the class.
        var idf: Float
        var shape: UInt8

        static let none = Entry(wordClass: -1, idf: 0, shape: 0)
        var isWord: Bool { self.wordClass >= 0 }
        /// Whether it may continue the word of the token before it.
        var joins: Bool { self.shape & 1 != 0 }
        /// Whether the next token may continue its word.
        var extends: Bool { self.shape & 2 != 0 }
    }

    /// Largest idf that is believed: no corpus has e^40 sentences.
    private static let maxIDF: Float = 40
    /// Classes must be exact as float32.
    private static let maxClass: Float = 16_777_216

    private let entries: [Entry]
    /// The rarest class's idf: a word of several tokens is taken to be no rarer.
    let greatestIDF: Double

    /// Checks a table's columns; all `[V]`, one row per token id.
    ///
    /// - Parameters:
    ///   - classes: whole numbers; -1 for tokens that are no part of a word.
    ///   - idf: 0...40.
    ///   - shapes: 0...3; 1 for "may continue a word", plus 2 for "may be continued".
    ///   - name: the file's name in messages.
    /// - Throws: `modelUnusable` naming the column, the allowed values and the one found.
    package init(classes: [Float], idf: [Float], shapes: [Float], name: String) throws(CPRSError) {
        guard !classes.isEmpty, idf.count == classes.count, shapes.count == classes.count else {
            throw Self.failure(
                name, "class, idf and shape must have one row per token (got \(classes.count), \(idf.count) and \(shapes.count))")
        }
        var entries: [Entry] = []
        entries.reserveCapacity(classes.count)
        var greatest: Float = 0
        for row in classes.indices {
            let (wordClass, rarity, shape) = (classes[row], idf[row], shapes[row])
            guard wordClass >= -1, wordClass <= Self.maxClass, wordClass == wordClass.rounded() else {
                throw Self.failure(name, "class must be a whole number in -1...\(Int(Self.maxClass)) (got \(wordClass) in row \(row))")
            }
            guard rarity >= 0, rarity <= Self.maxIDF else {
                throw Self.failure(name, "idf must be in 0...\(Int(Self.maxIDF)) (got \(rarity) in row \(row))")
            }
            guard shape >= 0, shape <= 3, shape == shape.rounded() else {
                throw Self.failure(name, "shape must be 0, 1, 2 or 3 (got \(shape) in row \(row))")
            }
            entries.append(Entry(wordClass: Int32(wordClass), idf: rarity, shape: UInt8(shape)))
            greatest = max(greatest, rarity)
        }
        self.entries = entries
        self.greatestIDF = Double(greatest)
    }

    /// Rows: ids in `0..<count` are known.
    package var count: Int { self.entries.count }

    /// What is known about a token; unknown ids are no part of a word.
    subscript(id: TokenID) -> Entry {
        id >= 0 && Int(id) < self.entries.count ? self.entries[Int(id)] : .none
    }

    private static func failure(_ name: String, _ what: String) -> CPRSError {
        CPRSError(code: .modelUnusable, message: "\(name): \(what)")
    }
}
