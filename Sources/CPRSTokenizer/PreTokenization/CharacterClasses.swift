/// What the split pattern distinguishes about a character.
enum CharacterClass: UInt8, Sendable {
    /// None of the others: punctuation, symbols, marks, controls, unassigned.
    case other = 0
    /// `\p{L}`
    case letter = 1
    /// `\p{N}`
    case number = 2
    /// `\s` but for the line ends below.
    case space = 3
    /// `\r` or `\n`.
    case lineEnd = 4
}

/// The class of every code point, by table.
struct CharacterClasses: Sendable {
    static let shared = CharacterClasses()

    private let storage = TableStorage()
    private let classes: FixedTable<UInt8>

    private init() {
        let ranges = UnicodeTables.classes
        let last = Int(ranges[ranges.count - 2])
        self.classes = self.storage.table(repeating: 0, count: last + 1)
        for index in stride(from: 0, to: ranges.count, by: 3) {
            let first = Int(ranges[index])
            let count = Int(ranges[index + 1]) - first + 1
            (self.classes.base + first).update(repeating: UInt8(ranges[index + 2]), count: count)
        }
        self.classes[0x0A] = CharacterClass.lineEnd.rawValue
        self.classes[0x0D] = CharacterClass.lineEnd.rawValue
    }

    /// The class of a code point; beyond the table everything is `other`.
    @inline(__always)
    func rawClass(_ codePoint: UInt32) -> UInt8 {
        Int(codePoint) < self.classes.count ? self.classes[Int(codePoint)] : 0
    }
}
