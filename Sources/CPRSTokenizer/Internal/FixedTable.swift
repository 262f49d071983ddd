/// An array that is filled once and then read without bounds or uniqueness checks from the innermost loops.
///
/// Whoever indexes it has proved the index: tokens come from the vocabulary, bytes from `UInt8`, hashes from a mask.
/// Debug builds check every access.
final class FixedTable<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
    // Written only before the table is shared (its filler owns the only reference), so later reads cannot race.
    let base: UnsafeMutablePointer<Element>
    let count: Int

    init(repeating value: Element, count: Int) {
        self.base = .allocate(capacity: count)
        self.base.initialize(repeating: value, count: count)
        self.count = count
    }

    deinit { self.base.deallocate() }

    @inline(__always) subscript(index: Int) -> Element {
        get {
            assert(index >= 0 && index < self.count, "index \(index) outside 0..<\(self.count)")
            return self.base[index]
        }
        set {
            assert(index >= 0 && index < self.count, "index \(index) outside 0..<\(self.count)")
            self.base[index] = newValue
        }
    }
}
