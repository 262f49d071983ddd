#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// An array that is filled once and then read without bounds, uniqueness or reference checks in innermost loops.
///
/// It does not own its memory: a ``TableStorage`` or the owner of a packed tokenizer's bytes does, and whoever reads the
/// table keeps that alive. Whoever indexes it has proved the index: tokens come from the vocabulary, bytes from `UInt8`,
/// hashes from a mask. Debug builds check.
struct FixedTable<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
    // Written only by its maker, before the table is shared, so that later reads cannot race; in a packed tokenizer never.
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
        let block = Self.allocate(max(count, 1) * MemoryLayout<Element>.stride)
        self.blocks.append(block)
        let base = block.initializeMemory(as: Element.self, repeating: value, count: count)
        return FixedTable(base: base, count: count)
    }

    func table<Element>(_ values: [Element]) -> FixedTable<Element> {
        let block = Self.allocate(max(values.count, 1) * MemoryLayout<Element>.stride)
        self.blocks.append(block)
        let base = block.bindMemory(to: Element.self, capacity: values.count)
        values.withUnsafeBufferPointer { values in
            if let source = values.baseAddress { base.initialize(from: source, count: values.count) }
        }
        return FixedTable(base: base, count: values.count)
    }

    /// Large tables are read at random places, where a page table miss costs more than the read: they ask for large
    /// pages. Not getting them costs time only.
    private static func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
        guard bytes >= Self.largePage else { return .allocate(byteCount: bytes, alignment: 64) }
        let rounded = (bytes + Self.largePage - 1) & ~(Self.largePage - 1)
        let block = UnsafeMutableRawPointer.allocate(byteCount: rounded, alignment: Self.largePage)
        _ = madvise(block, rounded, MADV_HUGEPAGE)
        return block
    }

    private static let largePage = 1 << 21
}
