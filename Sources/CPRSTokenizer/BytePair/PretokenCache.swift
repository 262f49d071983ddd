internal import CPRSCore

/// The tokens of pretokens seen before. One place per hash, the latest wins; only short pretokens of few tokens
/// are kept, which is nearly all of prose.
///
/// A key holds the pretoken's bytes themselves, so a hit is never another pretoken's. It grows with what it holds: most
/// texts are a question or a tag, for which clearing places takes longer than tokenizing.
struct PretokenCache: Sendable {
    /// Longest pretoken kept, in bytes: two words hold it and its length.
    static let maxLength = 15
    /// Most tokens kept.
    static let maxTokens = 3
    /// Places: of a new cache, and at most.
    private static let slotCounts = (first: 1 << 6, most: 1 << 13)

    struct Key: Equatable, Sendable {
        var low: UInt64
        /// The bytes from the ninth on, and the length in the top byte: never zero for a real key.
        var high: UInt64
    }

    /// 32 bytes, so that one never lies in three cache lines.
    struct Slot: Sendable {
        var key = Key(low: 0, high: 0)
        var tokens: (TokenID, TokenID, TokenID) = (0, 0, 0)
        var count: UInt8 = 0
        /// Lengths in bytes; the last one in use needs none, but is there.
        var lengths: (UInt8, UInt8, UInt8) = (0, 0, 0)
    }

    /// A power of two of them.
    private var slots = [Slot](repeating: Slot(), count: Self.slotCounts.first)
    private var insertions = 0

    /// The key of the `length` (at most ``maxLength``) bytes at `start`; sixteen bytes there can be read.
    @inline(__always)
    static func key(_ text: UnsafePointer<UInt8>, at start: Int, length: Int) -> Key {
        let low = UInt64(littleEndian: loadWord(text, at: start))
        let high = UInt64(littleEndian: loadWord(text, at: start &+ 8))
        let tag = UInt64(truncatingIfNeeded: length) << 56
        if length < 8 { return Key(low: low & ~(UInt64.max << UInt64(length &* 8)), high: tag) }
        return Key(low: low, high: high & ~(UInt64.max << UInt64((length &- 8) &* 8)) | tag)
    }

    @inline(__always)
    func index(_ key: Key) -> Int {
        let mixed = (key.low ^ key.high.byteSwapped &* 0xC2B2_AE3D_27D4_EB4F).multipliedFullWidth(
            by: 0x9E37_79B9_7F4A_7C15)
        return Int(truncatingIfNeeded: (mixed.high ^ mixed.low) & UInt64(self.slots.count &- 1))
    }

    @inline(__always)
    subscript(index: Int) -> Slot { self.slots[index] }

    mutating func insert(_ slot: Slot, at index: Int) {
        self.slots[index] = slot
        self.insertions += 1
        if self.insertions > self.slots.count, self.slots.count < Self.slotCounts.most { self.grow() }
    }

    private mutating func grow() {
        let old = self.slots
        self.slots = [Slot](repeating: Slot(), count: old.count * 2)
        for slot in old where slot.count > 0 { self.slots[self.index(slot.key)] = slot }
    }
}
