/// The packed form of a tokenizer: its tables as they lie in memory, to be used where a file is mapped.
///
/// All numbers are little-endian. A header of 64-bit words (magic, version, flags, total bytes, then offset and number
/// of elements of each ``PackedSection``) is followed by the sections, each at a multiple of ``alignment``; the whole is a
/// multiple of it long. What the elements mean, the hash functions included, belongs to the version: whoever changes
/// any of it raises ``version``.
enum PackedForm {
    /// "CPRSTOKN" as bytes; read with the wrong byte order it is something else.
    static let magic: UInt64 = 0x4E4B_4F54_5352_5043
    static let version: UInt64 = 1
    /// A cache line, which also suits every element.
    static let alignment = 64
    static let isNormalizedFlag: UInt64 = 1
    static let isOrderedFlag: UInt64 = 2
    static let headerBytes = Self.aligned((4 + 2 * PackedSection.allCases.count) * 8)

    static func aligned(_ count: Int) -> Int { (count + Self.alignment - 1) & ~(Self.alignment - 1) }
}

/// The sections in their order.
enum PackedSection: Int, CaseIterable, Sendable {
    /// Int32, 256 of them.
    case byteTokens
    /// The bytes of all tokens by ascending id.
    case text
    /// UInt32: where each token's text starts, one more than tokens.
    case starts
    /// ``TokenOrigin`` of each token.
    case origins
    /// Int32, 65,536 of them.
    case byteRanks
    case mergeSlots
    case mergesSeen
    /// UInt32, 65,536 of them.
    case triePairs
    case trieEdges
    /// Bytes: of each added token its id and length (UInt32 both), then its text.
    case addedTokens
}

/// Lays sections out one after the other.
struct PackedWriter {
    private(set) var bytes = [UInt8](repeating: 0, count: PackedForm.headerBytes)

    init(flags: UInt64) {
        self.set(PackedForm.magic, word: 0)
        self.set(PackedForm.version, word: 1)
        self.set(flags, word: 2)
    }

    mutating func append<Element>(_ table: FixedTable<Element>, as section: PackedSection) {
        let elements = UnsafeRawBufferPointer(UnsafeBufferPointer(start: table.base, count: table.count))
        self.append(elements, count: table.count, as: section)
    }

    mutating func append(_ elements: UnsafeRawBufferPointer, count: Int, as section: PackedSection) {
        self.set(UInt64(self.bytes.count), word: 4 + 2 * section.rawValue)
        self.set(UInt64(count), word: 5 + 2 * section.rawValue)
        self.bytes.append(contentsOf: elements)
        let padding = PackedForm.aligned(self.bytes.count) - self.bytes.count
        self.bytes.append(contentsOf: repeatElement(0, count: padding))
        self.set(UInt64(self.bytes.count), word: 3)
    }

    private mutating func set(_ value: UInt64, word: Int) {
        self.bytes.withUnsafeMutableBytes { $0.storeBytes(of: value, toByteOffset: word * 8, as: UInt64.self) }
    }
}
