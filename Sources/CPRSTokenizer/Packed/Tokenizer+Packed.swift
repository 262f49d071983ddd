package import CPRSCore

extension Tokenizer {
    /// The tokenizer's tables as bytes, for ``init(packed:owner:name:)``. The same tokenizer gives the same bytes.
    package func packed() -> [UInt8] {
        var flags: UInt64 = 0
        if self.isNormalized { flags |= PackedForm.isNormalizedFlag }
        if self.vocabulary.isOrdered { flags |= PackedForm.isOrderedFlag }
        var writer = PackedWriter(flags: flags)
        self.vocabulary.pack(into: &writer)
        var added: [UInt8] = []
        for token in self.addedTokens {
            for word in [UInt32(token.id), UInt32(token.text.count)] {
                withUnsafeBytes(of: word.littleEndian) { added.append(contentsOf: $0) }
            }
            added.append(contentsOf: token.text)
        }
        added.withUnsafeBytes { writer.append($0, count: added.count, as: .addedTokens) }
        return writer.bytes
    }

    /// Uses a packed tokenizer where it lies, without building anything.
    ///
    /// Bytes that are not what ``packed()`` wrote are refused or give a tokenizer whose tokens may be wrong, but which
    /// is safe to use and whose ranges are those of its text. The bytes must not change from here on.
    ///
    /// - Parameters:
    ///   - packed: the bytes of ``packed()``, exactly, at a multiple of 64.
    ///   - owner: keeps the bytes alive; the tokenizer and its streams hold it.
    ///   - name: what the bytes are called in messages, usually the file's path.
    /// - Throws: `modelUnusable` with the first defect, or for a packed form of another version.
    package convenience init(
        packed: UnsafeRawBufferPointer, owner: any AnyObject & Sendable, name: String
    ) throws(CPRSError) {
        let reader = try PackedReader(packed, name: name)
        self.init(
            vocabulary: try Vocabulary(
                reader, isOrdered: reader.flags & PackedForm.isOrderedFlag != 0, owner: owner),
            addedTokens: try Self.addedTokens(reader), isNormalized: reader.flags & PackedForm.isNormalizedFlag != 0)
    }

    private static func addedTokens(_ reader: PackedReader) throws(CPRSError) -> [VocabularyFile.AddedToken] {
        let bytes: FixedTable<UInt8> = try reader.table(.addedTokens)
        let raw = UnsafeRawBufferPointer(start: bytes.base, count: bytes.count)
        var tokens: [VocabularyFile.AddedToken] = []
        var offset = 0
        while offset < raw.count {
            guard raw.count - offset >= 8 else { throw reader.failure("the added tokens end early") }
            let id = UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            let length = UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self))
            offset += 8
            guard id <= VocabularyFile.maxID else {
                throw reader.failure("the id of an added token must be in 0...\(VocabularyFile.maxID) (got \(id))")
            }
            let most = min(VocabularyFile.maxTokenBytes, raw.count - offset)
            guard length > 0, length <= most else {
                throw reader.failure("the added token of id \(id) must have 1...\(most) bytes (got \(length))")
            }
            tokens.append(VocabularyFile.AddedToken(id: TokenID(id), text: Array(raw[offset..<offset + Int(length)])))
            offset += Int(length)
        }
        return tokens
    }
}
