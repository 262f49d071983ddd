internal import CPRSCore

/// The merges: which two tokens that stand side by side become one, and how early.
///
/// Ranks are positions in the merges list; the lowest goes first. Look-ups of pairs that are no merge, which are most,
/// usually end in a bit set small enough for the processor's cache.
struct MergeTable: Sendable {
    /// The rank of a pair that is no merge; later than every rank.
    static let none = Int32.max

    private struct Slot: BitwiseCopyable, Sendable {
        var pair: UInt64
        var rank: Int32
        var result: TokenID
    }

    /// Tokens are not negative, so no pair has all bits set.
    private static let empty = Slot(pair: .max, rank: Self.none, result: -1)

    private let slots: FixedTable<Slot>
    private let slotMask: UInt64
    private let seen: FixedTable<UInt64>
    private let seenMask: UInt64
    /// How many merges there are.
    private(set) var count = 0

    /// - Parameter capacity: at least as many merges as will be appended; the table does not grow.
    init(capacity: Int, storage: TableStorage) {
        let slots = Self.powerOfTwo(atLeast: capacity * 3 / 2 + 16)
        self.slots = storage.table(repeating: Self.empty, count: slots)
        self.slotMask = UInt64(slots - 1)
        let bits = slots * 8
        self.seen = storage.table(repeating: 0, count: bits / 64)
        self.seenMask = UInt64(bits - 1)
    }

    /// Borrows a packed table.
    ///
    /// - Throws: `modelUnusable` if the table's form is damaged; merges themselves are not looked at, see ``merge(_:_:)``.
    init(_ reader: PackedReader) throws(CPRSError) {
        self.slots = try reader.table(.mergeSlots)
        self.seen = try reader.table(.mergesSeen)
        self.slotMask = UInt64(truncatingIfNeeded: self.slots.count - 1)
        self.seenMask = UInt64(truncatingIfNeeded: self.seen.count * 64 - 1)
        guard Self.isPowerOfTwo(self.slots.count), self.seen.count * 8 == self.slots.count else {
            throw reader.failure(
                "\(self.slots.count) merge slots must be a power of two, and eight times the words of their bit set "
                    + "(got \(self.seen.count))")
        }
        // Without an empty slot a look-up would never end.
        guard (0..<self.slots.count).contains(where: { self.slots[$0].pair == .max }) else {
            throw reader.failure("no merge slot is empty")
        }
    }

    func pack(into writer: inout PackedWriter) {
        writer.append(self.slots, as: .mergeSlots)
        writer.append(self.seen, as: .mergesSeen)
    }

    /// Adds the next merge, whose rank is the number of those before it; false if the pair is already there.
    mutating func append(_ left: TokenID, _ right: TokenID, result: TokenID) -> Bool {
        let pair = Self.pair(left, right)
        let hash = Self.hash(pair)
        var index = hash & self.slotMask
        while self.slots[Int(index)].pair != .max {
            if self.slots[Int(index)].pair == pair { return false }
            index = (index + 1) & self.slotMask
        }
        self.slots[Int(index)] = Slot(pair: pair, rank: Int32(self.count), result: result)
        let bit = hash >> 32 & self.seenMask
        self.seen[Int(bit >> 6)] |= 1 << (bit & 63)
        self.count += 1
        return true
    }

    /// The pair's rank, or ``none``.
    @inline(__always)
    func rank(_ left: TokenID, _ right: TokenID) -> Int32 { self.slot(left, right).rank }

    /// The pair's rank and what it becomes, or ``none`` and no token. In a damaged packed table the token may be none of
    /// the vocabulary: whoever uses it as an index checks it.
    @inline(__always)
    func merge(_ left: TokenID, _ right: TokenID) -> (rank: Int32, result: TokenID) {
        let slot = self.slot(left, right)
        return (slot.rank, slot.result)
    }

    @inline(__always)
    private func slot(_ left: TokenID, _ right: TokenID) -> Slot {
        let pair = Self.pair(left, right)
        let hash = Self.hash(pair)
        let bit = hash >> 32 & self.seenMask
        guard self.seen[Int(truncatingIfNeeded: bit >> 6)] >> (bit & 63) & 1 != 0 else { return Self.empty }
        var index = hash & self.slotMask
        while true {
            let slot = self.slots[Int(truncatingIfNeeded: index)]
            if slot.pair == pair || slot.pair == .max { return slot }
            index = (index &+ 1) & self.slotMask
        }
    }

    @inline(__always)
    private static func pair(_ left: TokenID, _ right: TokenID) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// Multiplication by an odd constant, folded so that both halves are well mixed.
    @inline(__always)
    private static func hash(_ pair: UInt64) -> UInt64 {
        let product = pair.multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return product.high ^ product.low
    }

    static func isPowerOfTwo(_ count: Int) -> Bool { count > 0 && count & (count - 1) == 0 }

    static func powerOfTwo(atLeast count: Int) -> Int {
        var power = 1
        while power < count { power *= 2 }
        return power
    }
}
