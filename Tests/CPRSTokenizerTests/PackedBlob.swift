internal import CPRSCore
internal import CPRSTokenizer
internal import Glibc

/// Bytes in memory of their own, up against a page that nobody may touch: reading past them ends the process.
final class PackedBlob: @unchecked Sendable {
    // Sendable: changed only by the test that made it, never while a tokenizer is at work.
    private let mapping: UnsafeMutableRawPointer
    private let mappedBytes: Int
    let bytes: UnsafeMutableRawBufferPointer

    /// - Parameter shift: bytes between the next lower multiple of 64 and the start.
    init(_ content: [UInt8], shift: Int = 0) {
        let page = 4096
        let body = (content.count + 64 + page - 1) / page * page
        self.mappedBytes = body + 2 * page
        // Only a machine out of memory refuses this.
        self.mapping = mmap(nil, self.mappedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
        mprotect(self.mapping, page, PROT_NONE)
        mprotect(self.mapping + page + body, page, PROT_NONE)
        let rounded = (content.count + shift + 63) & ~63
        self.bytes = UnsafeMutableRawBufferPointer(
            start: self.mapping + page + body - rounded + shift, count: content.count)
        self.bytes.copyBytes(from: content)
    }

    deinit { munmap(self.mapping, self.mappedBytes) }

    func load() throws -> Tokenizer {
        try Tokenizer(packed: UnsafeRawBufferPointer(self.bytes), owner: self, name: "the blob")
    }

    /// The 64-bit word at a byte offset, and where section `index` lies by the header.
    subscript(word offset: Int) -> UInt64 {
        get { self.bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
        set { self.bytes.storeBytes(of: newValue, toByteOffset: offset, as: UInt64.self) }
    }
}

extension Tokenizer {
    /// The same tokenizer by way of its packed form.
    func repacked() throws -> Tokenizer { try PackedBlob(self.packed()).load() }
}
