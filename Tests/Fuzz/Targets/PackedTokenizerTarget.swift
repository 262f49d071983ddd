internal import CPRSCore
internal import CPRSTokenizer

extension FuzzTarget {
    /// A packed tokenizer with any numbers written over it is refused, or gives tokens that follow one another.
    ///
    /// Of eight bytes each: a section (beyond the last: anywhere), an offset of three bytes in it, four bytes to write.
    static let packedTokenizer = FuzzTarget(name: "packed-tokenizer") { input in
        let sample = try soundSample.get()
        var input = FuzzInput(input)
        let blob = PackedBytes(sample.bytes)
        let patches = Int(input.byte() % 32)
        for _ in 0..<patches { blob.patch(&input) }
        guard let tokenizer = try? blob.load() else { return }
        for id in -1...TokenID(min(tokenizer.vocabularySize, 1000)) { _ = tokenizer.bytes(of: id) }
        for text in [sample.text, input.rest.map { $0 & 0x7F }] {
            _ = try tokenizer.encode(text, specialTokens: .recognised)
            _ = MergeQueueEncoder.encode(text, tokenizer)
            let tokens = try tokenizer.encode(text, specialTokens: .text)
            try require(tokens.flatMap { Array($0.bytes) } == Array(text.indices), "tokens tile the text: \(tokens)")
            try require(
                tokens.allSatisfy { $0.id >= 0 && $0.id < tokenizer.vocabularySize }, "ids of the vocabulary: \(tokens)"
            )
        }
    }
}

/// Bytes at a multiple of 64, as a mapped file has them.
final class PackedBytes: @unchecked Sendable {
    // Sendable: changed only before a tokenizer reads it.
    private let bytes: UnsafeMutableRawBufferPointer

    init(_ content: [UInt8]) {
        self.bytes = .allocate(byteCount: content.count, alignment: 64)
        self.bytes.copyBytes(from: content)
    }

    deinit { self.bytes.deallocate() }

    func load() throws -> Tokenizer {
        try Tokenizer(packed: UnsafeRawBufferPointer(self.bytes), owner: self, name: "the bytes")
    }

    fileprivate func patch(_ input: inout FuzzInput) {
        let section = Int(input.byte() % 12)
        let (offset, value) = (input.number(bytes: 3), UInt32(input.number(bytes: 4)))
        // Each of the ten sections has its offset and count in the header, after four words.
        let word = 32 + 16 * section
        let start = section < 10 ? self.bytes.loadUnaligned(fromByteOffset: word, as: Int.self) : 0
        let place = section == 11 ? offset % 192 : start &+ offset
        guard place >= 0, place <= self.bytes.count - 4 else { return }
        self.bytes.storeBytes(of: value, toByteOffset: place, as: UInt32.self)
    }
}

/// A packed tokenizer with a few merges and markers, and a text that uses all of them.
private let soundSample = Result {
    var file = SmallTokenizer()
    file.normalizer = #"{"type": "NFC"}"#
    file.vocabulary = #""he": 256, "the": 257, "ll": 258, "ell": 259, "hell": 260, "Ġthe": 261"#
    file.merges = #""h e", "t he", "l l", "e ll", "h ell", "Ġ the""#
    file.addedTokens = #"{"id": 1000, "content": "<|im_start|>"}, {"id": 1001, "content": "<|"}"#
    let folder = InputFolder()
    folder.write(file.json, to: "tokenizer.json")
    let text = Array("the hello <|im_start|>the <| hellthehellthehell\n\n    the".utf8)
    return (bytes: try Tokenizer(folder: folder.path).packed(), text: text)
}
