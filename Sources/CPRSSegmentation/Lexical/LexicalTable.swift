package import CPRSCore

/// Which tokens of a vocabulary spell the same word, and how rare each is: what word matching knows about a language.
///
/// A model brings its own (`cprs_lexicon.safetensors`), counted over its training texts. A word is a run of tokens; the
/// table says of each token whether it may continue the word before it and whether the next may continue it.
package struct LexicalTable: Sendable {
    /// One token: its class, how rare that is, how it joins its neighbours and how it is spelled.
    struct Entry: Sendable {
        /// Equal for the spellings and inflections of one word; negative for punctuation and white space.
        var wordClass: Int32
        /// Natural logarithm of the inverse share of sentences that hold the class.
        var idf: Float
        var shape: UInt8
        var spelling: Spelling

        static let none = Entry(wordClass: -1, idf: 0, shape: 0, spelling: Spelling())
        var isWord: Bool { self.wordClass >= 0 }
        /// Whether it may continue the word of the token before it.
        var joins: Bool { self.shape & 1 != 0 }
        /// Whether the next token may continue its word.
        var extends: Bool { self.shape & 2 != 0 }
        /// Whether it begins with a sign that joins the word before it and what follows to a compound.
        var links: Bool { self.shape & 4 != 0 }
    }

    /// Largest idf that is believed: no corpus has e^40 sentences.
    static let maxIDF: Float = 40
    /// Whole numbers must be exact as float32.
    private static let maxWhole: Float = 16_777_216

    private let entries: [Entry]
    /// A token for each way that a token is spelled: the word is the same however it was cut.
    private var tokenOfSpelling: [Spelling: TokenID] = [:]
    /// The rarest class's idf: a word of several tokens is taken to be no rarer.
    let greatestIDF: Double

    /// Checks a table's columns; all `[V]`, one row per token id.
    ///
    /// - Parameters:
    ///   - classes: whole numbers; -1 for tokens that are no part of a word.
    ///   - idf: 0...40.
    ///   - shapes: 0...7; 1 for "may continue a word", plus 2 for "may be continued", plus 4 for "may link words".
    ///   - spellings: hashes of the letters, lower-cased, below ``Spelling/prime``.
    ///   - letters: how many those are.
    ///   - name: the file's name in messages.
    /// - Throws: `modelUnusable` naming the column, the allowed values and the one found.
    package init(
        classes: [Float], idf: [Float], shapes: [Float], spellings: [Float], letters: [Float], name: String
    ) throws(CPRSError) {
        let rows = classes.count
        guard rows > 0, [idf.count, shapes.count, spellings.count, letters.count].allSatisfy({ $0 == rows }) else {
            throw Self.failure(
                name,
                "class, idf, shape, spelling and letters must have one row per token (got \(rows), \(idf.count), "
                    + "\(shapes.count), \(spellings.count) and \(letters.count))")
        }
        try Self.check(classes, "class", from: -1, through: Self.maxWhole, name)
        try Self.check(idf, "idf", from: 0, through: Self.maxIDF, whole: false, name)
        try Self.check(shapes, "shape", from: 0, through: 7, name)
        try Self.check(spellings, "spelling", from: 0, through: Float(Spelling.prime - 1), name)
        try Self.check(letters, "letters", from: 0, through: Float(Spelling.maxLetters), name)
        self.entries = (0..<rows).map {
            Entry(
                wordClass: Int32(classes[$0]), idf: idf[$0], shape: UInt8(shapes[$0]),
                spelling: Spelling(hash: UInt64(spellings[$0]), letters: Int(letters[$0])))
        }
        // There is a row, and no value is NaN.
        self.greatestIDF = Double(idf.max()!)
        self.tokenOfSpelling.reserveCapacity(rows)
        for (row, entry) in self.entries.enumerated()
        where entry.isWord && self.tokenOfSpelling[entry.spelling] == nil {
            self.tokenOfSpelling[entry.spelling] = TokenID(row)
        }
    }

    private static func check(
        _ column: [Float], _ label: String, from least: Float, through greatest: Float, whole: Bool = true,
        _ name: String
    ) throws(CPRSError) {
        for (row, value) in column.enumerated()
        where !(value >= least && value <= greatest && (!whole || value == value.rounded())) {
            let kind = whole ? "a whole number " : ""
            throw Self.failure(
                name, "\(label) must be \(kind)in \(Int(least))...\(Int(greatest)) (got \(value) in row \(row))")
        }
    }

    /// Rows: ids in `0..<count` are known.
    package var count: Int { self.entries.count }

    /// What is known about a token; unknown ids are no part of a word.
    subscript(id: TokenID) -> Entry {
        id >= 0 && Int(id) < self.entries.count ? self.entries[Int(id)] : .none
    }

    /// The entry of the token that spells a whole word, or nil if no token does.
    subscript(spelling: Spelling) -> Entry? { self.tokenOfSpelling[spelling].map { self[$0] } }

    private static func failure(_ name: String, _ what: String) -> CPRSError {
        CPRSError(code: .modelUnusable, message: "\(name): \(what)")
    }
}

/// The letters of a word as a polynomial hash, so that a word's is found from its pieces'.
struct Spelling: Hashable, Sendable {
    /// Hashes are below this; the largest prime that float32 holds with all below it.
    static let prime: UInt64 = 16_777_213
    static let maxLetters = 1 << 20
    private static let base: UInt64 = 1_000_003

    var hash: UInt64 = 0
    var letters = 0

    /// Appends another piece's letters.
    mutating func append(_ piece: Spelling) {
        var factor: UInt64 = 1
        var power = Self.base
        var rest = piece.letters
        while rest > 0 {
            if rest & 1 == 1 { factor = factor * power % Self.prime }
            power = power * power % Self.prime
            rest >>= 1
        }
        self.hash = (self.hash * factor + piece.hash) % Self.prime
        self.letters = min(self.letters + piece.letters, Self.maxLetters)
    }
}
