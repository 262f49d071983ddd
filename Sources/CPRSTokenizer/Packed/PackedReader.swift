internal import CPRSCore

/// Finds the sections of a packed tokenizer, which may be damaged anywhere.
///
/// Tables are handed out where they lie. A section that is not wholly inside the bytes is refused here; what its
/// elements may be is the business of the tables' own types.
struct PackedReader {
    private let bytes: UnsafeRawBufferPointer
    /// What the bytes are called in messages.
    private let name: String
    let flags: UInt64

    /// Checks the header.
    ///
    /// - Throws: `modelUnusable` if the bytes do not start at a multiple of ``PackedForm/alignment``, or are not one
    ///   whole packed tokenizer of this version.
    init(_ bytes: UnsafeRawBufferPointer, name: String) throws(CPRSError) {
        (self.bytes, self.name, self.flags) = (bytes, name, bytes.count < 24 ? 0 : Self.word(2, bytes))
        guard bytes.count >= PackedForm.headerBytes else {
            throw self.failure("it must have \(PackedForm.headerBytes) bytes or more (got \(bytes.count))")
        }
        guard Int(bitPattern: bytes.baseAddress) % PackedForm.alignment == 0 else {
            throw self.failure(
                "it must start at a multiple of \(PackedForm.alignment) in memory (got "
                    + "\(Int(bitPattern: bytes.baseAddress) % PackedForm.alignment) more)")
        }
        guard Self.word(0, bytes) == PackedForm.magic else {
            throw self.failure("it must start with \"CPRSTOKN\" on a little-endian machine")
        }
        guard Self.word(1, bytes) == PackedForm.version else {
            throw self.failure("its version must be \(PackedForm.version) (got \(Self.word(1, bytes)))")
        }
        guard self.flags & ~(PackedForm.isNormalizedFlag | PackedForm.isOrderedFlag) == 0 else {
            throw self.failure("its flags must be in 0...3 (got \(self.flags))")
        }
        guard Self.word(3, bytes) == UInt64(bytes.count) else {
            throw self.failure("it must have \(Self.word(3, bytes)) bytes as it says (got \(bytes.count))")
        }
    }

    func failure(_ what: String) -> CPRSError {
        CPRSError(code: .modelUnusable, message: "\(self.name): packed tokenizer: \(what)")
    }

    /// The elements of a section, in place.
    ///
    /// - Parameter count: how many there must be, if that is known.
    /// - Throws: `modelUnusable` if there are others, or none, or some outside the bytes.
    func table<Element>(_ section: PackedSection, count: Int? = nil) throws(CPRSError) -> FixedTable<Element> {
        let offset = Self.word(4 + 2 * section.rawValue, self.bytes)
        let found = Self.word(5 + 2 * section.rawValue, self.bytes)
        let total = UInt64(self.bytes.count)
        guard offset <= total, offset % UInt64(PackedForm.alignment) == 0,
            found <= (total - offset) / UInt64(MemoryLayout<Element>.stride), let base = self.bytes.baseAddress
        else {
            throw self.failure(
                "section \(section) must lie in \(total) bytes at a multiple of \(PackedForm.alignment) (got "
                    + "\(found) elements of \(MemoryLayout<Element>.stride) bytes at \(offset))")
        }
        guard found == count.map({ UInt64($0) }) ?? found else {
            throw self.failure("section \(section) must have \(count ?? 0) elements (got \(found))")
        }
        let elements = (base + Int(offset)).bindMemory(to: Element.self, capacity: Int(found))
        // Never written through: a table is written only by who builds it.
        return FixedTable(base: UnsafeMutablePointer(mutating: elements), count: Int(found))
    }

    private static func word(_ index: Int, _ bytes: UnsafeRawBufferPointer) -> UInt64 {
        bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
    }
}
