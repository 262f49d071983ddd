/// An array that is filled once and then read without bounds, uniqueness or reference checks in innermost loops.
///
/// It does not own its memory: a ``TableStorage`` does, and whoever reads the table keeps that alive. Whoever indexes it
/// has proved the index: tokens come from the vocabulary, bytes from `UInt8`, hashes from a mask. Debug builds check.
struct FixedTable<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
    // Written only before the table is shared, so that later reads cannot race.
    let base: UnsafeMutablePointer<Element>
    let count: Int

    @inline(__always) subscript(index: Int) -> Element {
        get {
            assert(index >= 0 && index < self.count, "index \(index) outside 0..<\(self.count)")
            return self.base[index]
        }
        nonmutating set {
            assert(index >= 0 && index < self.count, "index \(index) outside 0..<\(self.count)")
            self.base[index] = newValue
        }
    }
}

/// The memory of tables that live and die together.
final class TableStorage: @unchecked Sendable {
    // Changed only while the tables are made, by their one maker.
    private var blocks: [UnsafeMutableRawPointer] = []

    deinit { for block in self.blocks { block.deallocate() } }

    func table<Element>(repeating value: Element, count: Int) -> FixedTable<Element> {
        let base = UnsafeMutablePointer<Element>.allocate(capacity: count)
        base.initialize(repeating: value, count: count)
        self.blocks.append(UnsafeMutableRawPointer(base))
        return FixedTable(base: base, count: count)
    }
}
