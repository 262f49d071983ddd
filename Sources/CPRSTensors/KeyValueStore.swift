internal import CCPRSKernels
package import CPRSCore
internal import Glibc

/// The heads of an attention layer.
package struct AttentionShape: Hashable, Sendable {
    /// H, query heads.
    package let heads: Int
    /// KV, key/value heads; divides H.
    package let keyValueHeads: Int
    /// HD, even.
    package let headWidth: Int

    package init(heads: Int, keyValueHeads: Int, headWidth: Int) {
        precondition(heads.isMultiple(of: keyValueHeads) && headWidth.isMultiple(of: 2))
        self.heads = heads
        self.keyValueHeads = keyValueHeads
        self.headWidth = headWidth
    }

    /// Columns of a row of queries, keys and values together: (H + 2 KV) · HD.
    package var projectedWidth: Int { (self.heads + 2 * self.keyValueHeads) * self.headWidth }

    /// Bytes of scratch that one call of ``Kernels/attend`` needs.
    package var scratchBytes: Int {
        cprs_attention_scratch_bytes(self.heads, self.keyValueHeads, self.headWidth)
    }
    /// The widest head that the kernels take.
    package static var maxHeadWidth: Int { CPRS_MAX_HEAD_WIDTH }
    /// Queries of one head that share a pass over the keys; the natural size of a task.
    package static var queryBlock: Int { CPRS_QUERY_BLOCK }
}

/// Memory for keys and values of one layer in the layout that attention reads, finite everywhere.
package final class KeyValueStore {
    /// Windows start at multiples of this many tokens.
    package static let unit = 64

    package let shape: AttentionShape
    /// Tokens that fit, a multiple of ``unit``.
    package let capacity: Int
    private let keys: OwnedMemory
    private let values: OwnedMemory

    /// Tokens that a window of `tokens` occupies.
    package static func room(for tokens: Int) -> Int { (tokens + Self.unit - 1) / Self.unit * Self.unit }

    /// Reserves room for `capacity` tokens, rounded up to whole units.
    ///
    /// - Throws: `invalidArgument` if there is no memory for it.
    package init(_ shape: AttentionShape, capacity: Int, purpose: String) throws(CPRSError) {
        let units = Self.room(for: capacity) / Self.unit
        self.shape = shape
        self.capacity = units * Self.unit
        self.keys = try OwnedMemory(elements: units, each: Self.keyBytes(shape, Self.unit), purpose: purpose)
        self.values = try OwnedMemory(elements: units, each: Self.valueBytes(shape, Self.unit), purpose: purpose)
    }

    /// Bytes of a store's memory.
    package var byteCount: Int { Self.keyBytes(self.shape, self.capacity) + Self.valueBytes(self.shape, self.capacity) }

    /// The part that belongs to a window of `tokens`, from a multiple of ``unit`` on.
    package func window(first: Int, tokens: Int) -> KeyValues {
        let capacity = Self.room(for: tokens)
        precondition(first.isMultiple(of: Self.unit) && first >= 0 && first + capacity <= self.capacity)
        return KeyValues(
            shape: self.shape, keys: self.keys.base + Self.keyBytes(self.shape, first),
            values: self.values.base + Self.valueBytes(self.shape, first), tokens: tokens, capacity: capacity)
    }

    /// Makes everything zero again, after values that were not finite.
    package func clear() {
        memset(self.keys.base, 0, Self.keyBytes(self.shape, self.capacity))
        memset(self.values.base, 0, Self.valueBytes(self.shape, self.capacity))
    }

    // Both grow in proportion to the tokens.
    private static func keyBytes(_ shape: AttentionShape, _ tokens: Int) -> Int {
        cprs_keys_bytes(shape.keyValueHeads, shape.headWidth, tokens)
    }
    private static func valueBytes(_ shape: AttentionShape, _ tokens: Int) -> Int {
        cprs_values_bytes(shape.keyValueHeads, shape.headWidth, tokens)
    }
}

/// The keys and values of one window; a view into a ``KeyValueStore``.
package struct KeyValues {
    let shape: AttentionShape
    let keys: UnsafeMutableRawPointer
    let values: UnsafeMutableRawPointer
    /// T, the window's tokens.
    package let tokens: Int
    let capacity: Int

    /// Copies positions `0..<count` to another window's. Call it before later positions are stored there: it may
    /// overwrite up to one unit of them.
    package func copy(_ count: Int, to other: KeyValues) {
        precondition(count <= self.tokens && count <= other.tokens && self.shape == other.shape)
        let heads = self.shape.keyValueHeads
        let bytes = MemoryLayout<UInt16>.stride
        let unit = KeyValueStore.unit
        // A head's keys are whole units one after another, so the first units are one piece.
        let keyBytes = cprs_keys_bytes(1, self.shape.headWidth, KeyValueStore.room(for: count))
        for head in 0..<heads {
            memcpy(
                other.keys + head * cprs_keys_bytes(1, other.shape.headWidth, other.capacity),
                self.keys + head * cprs_keys_bytes(1, self.shape.headWidth, self.capacity), keyBytes)
        }
        // A head's values are strips of 64 elements, in each of which the first pairs of keys are one piece.
        let strips = heads * ((self.shape.headWidth + unit - 1) / unit)
        for strip in 0..<strips {
            memcpy(
                other.values + strip * other.capacity * unit * bytes,
                self.values + strip * self.capacity * unit * bytes, (count + 1) / 2 * 2 * unit * bytes)
        }
    }

    /// The same with queries, as the kernels take it.
    func view(queries: BF16Matrix, firstPosition: Int, causal: Bool) -> cprs_window {
        cprs_window(
            heads: self.shape.heads, kv_heads: self.shape.keyValueHeads, head_width: self.shape.headWidth,
            tokens: self.tokens, capacity: self.capacity, first_position: firstPosition, causal: causal ? 1 : 0,
            queries: queries.start, query_stride: queries.columns, keys: self.keys, values: self.values)
    }
}
