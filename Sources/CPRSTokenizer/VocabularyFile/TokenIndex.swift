internal import CPRSCore

/// Tokens by their bytes and by their id, while a vocabulary is being read.
struct TokenIndex {
    struct Entry {
        var id: TokenID
        var bytes: Range<Int>
    }

    /// The bytes of all entries, in the order of the file.
    private(set) var text: [UInt8] = []
    private(set) var entries: [Entry] = []
    /// By hash of the bytes: an entry's index plus one, or zero.
    private var slots: [UInt32]
    /// By id: an entry's index plus one, or zero.
    private var entryOfID: [UInt32] = []

    init(capacity: Int) {
        self.slots = [UInt32](repeating: 0, count: MergeTable.powerOfTwo(atLeast: max(capacity * 2, 1024)))
        self.text.reserveCapacity(capacity * 8)
        self.entries.reserveCapacity(capacity)
    }

    /// One more than the largest id.
    var idCount: Int { (self.entryOfID.lastIndex { $0 != 0 } ?? -1) + 1 }

    /// The entry of an id, or nil.
    func entry(id: Int) -> Entry? {
        guard id < self.entryOfID.count, self.entryOfID[id] > 0 else { return nil }
        return self.entries[Int(self.entryOfID[id]) - 1]
    }

    /// The token of these bytes, or nil.
    @inline(__always)
    func find(_ bytes: UnsafeBufferPointer<UInt8>) -> TokenID? {
        let found = self.slots[self.slot(of: bytes)]
        return found == 0 ? nil : self.entries[Int(found) - 1].id
    }

    /// Adds a token whose id (not negative) and bytes are new.
    mutating func insert(_ bytes: UnsafeBufferPointer<UInt8>, id: TokenID) {
        if self.entries.count * 2 >= self.slots.count { self.growSlots() }
        let slot = self.slot(of: bytes)
        let start = self.text.count
        self.text.append(contentsOf: bytes)
        self.entries.append(Entry(id: id, bytes: start..<self.text.count))
        self.slots[slot] = UInt32(self.entries.count)
        if Int(id) >= self.entryOfID.count {
            let grown = max(Int(id) + 1, self.entryOfID.count * 2)
            self.entryOfID.append(contentsOf: repeatElement(0, count: grown - self.entryOfID.count))
        }
        self.entryOfID[Int(id)] = UInt32(self.entries.count)
    }

    /// Where the entry of these bytes is, or would go.
    @inline(__always)
    private func slot(of bytes: UnsafeBufferPointer<UInt8>) -> Int {
        let mask = self.slots.count &- 1
        var index = Self.hash(bytes) & mask
        while self.slots[index] != 0 {
            let entry = self.entries[Int(self.slots[index]) &- 1]
            if entry.bytes.count == bytes.count, self.holds(bytes, at: entry.bytes.lowerBound) { return index }
            index = (index &+ 1) & mask
        }
        return index
    }

    @inline(__always)
    private func holds(_ bytes: UnsafeBufferPointer<UInt8>, at start: Int) -> Bool {
        self.text.withUnsafeBufferPointer { text in
            var index = 0
            while index < bytes.count, text[start &+ index] == bytes[index] { index &+= 1 }
            return index == bytes.count
        }
    }

    private mutating func growSlots() {
        self.slots = [UInt32](repeating: 0, count: self.slots.count * 2)
        for (index, entry) in self.entries.enumerated() {
            let slot = self.text.withUnsafeBufferPointer { self.slot(of: UnsafeBufferPointer(rebasing: $0[entry.bytes])) }
            self.slots[slot] = UInt32(index + 1)
        }
    }

    /// FNV-1a with a final fold, because the low bits choose the slot.
    @inline(__always)
    private static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return Int(truncatingIfNeeded: hash ^ hash >> 32)
    }
}
