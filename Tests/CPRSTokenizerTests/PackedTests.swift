internal import CPRSCore
internal import CPRSTestSupport
internal import CPRSTokenizer
internal import Testing

@Suite("Packed tokenizers")
struct PackedTests {
    private static var marked: TinyTokenizer {
        var tokenizer = TinyTokenizer.english
        tokenizer.added = [("<|im_start|>", 1000), ("<|im_end|>", 1001), ("<|", 1002), ("<|im_start|>the", 1003)]
        return tokenizer
    }

    /// A merge before those of its parts, so that the merge queue encodes; ids with gaps; no normalizer.
    private static var unordered: TinyTokenizer {
        var tokenizer = TinyTokenizer(merges: [("th", "e"), ("t", "h"), ("h", "e"), ("Ġ", "the"), ("l", "l")])
        tokenizer.vocabulary[258].id = 700
        tokenizer.normalizer = "null"
        return tokenizer
    }

    private static func originals() throws -> [Tokenizer] {
        [try Self.marked.load(), try Self.unordered.load(), try Tokenizer(folder: SharedData.modelFolder)]
    }

    private static func stream(_ tokenizer: Tokenizer, _ text: [UInt8], _ size: Int) throws -> [Token] {
        var stream = StreamingTokenizer(tokenizer, specialTokens: .recognised)
        var tokens: [Token] = []
        for start in stride(from: 0, to: text.count, by: size) {
            try stream.append(text[start..<min(start + size, text.count)], into: &tokens)
        }
        try stream.finish(into: &tokens)
        return tokens
    }

    @Test("text gives the tokens of the original, whole and in chunks, with markers and without")
    func encodesAsTheOriginal() throws {
        var generator = SeededGenerator(seed: 3)
        for original in try Self.originals() {
            let packed = try original.repacked()
            let random = (0..<200).map { _ in Array(randomText(&generator, pieces: 25).utf8) }
            let letters = (0..<20_000).map { _ in UInt8.random(in: 0x61...0x7A, using: &generator) }
            for text in random + [letters, Array(repeating: 0x61, count: 5000), []] {
                for special in [Tokenizer.SpecialTokens.text, .recognised] {
                    let expected = try original.encode(text, specialTokens: special)
                    #expect(try packed.encode(text, specialTokens: special) == expected, "\(text)")
                }
                let expected = try original.encode(text, specialTokens: .recognised)
                #expect(try Self.stream(packed, text, 7) == expected, "\(text)")
                #expect(
                    MergeQueueEncoder.encode(Array(text.prefix(300)), packed)
                        == MergeQueueEncoder.encode(Array(text.prefix(300)), original))
            }
        }
    }

    @Test("everything there is to ask of a tokenizer is answered as by the original")
    func answersAsTheOriginal() throws {
        for original in try Self.originals() {
            let packed = try original.repacked()
            #expect(packed.vocabularySize == original.vocabularySize)
            for id in -1...TokenID(original.vocabularySize) {
                #expect(packed.bytes(of: id) == original.bytes(of: id), "id \(id)")
            }
            for marker in ["<|im_start|>", "<|im_end|>", "<|", "the", ""] {
                #expect(packed.specialToken(marker) == original.specialToken(marker), "\(marker)")
            }
            #expect(packed.packed() == original.packed())
        }
    }

    @Test(
        "the reference's tokenizer gives the same tokens from its packed form",
        .enabled(if: SharedData.existing("data/golden/qwen2/tokenizer.json") != nil))
    func encodesAsQwen2() throws {
        let original = try Tokenizer(folder: try #require(SharedData.golden) + "/qwen2")
        let packed = try original.repacked()
        let lines = try FileBytes.read(try #require(SharedData.golden) + "/tokenizer.jsonl")
        let tokens = try packed.encode(lines, specialTokens: .recognised)
        #expect(try original.encode(lines, specialTokens: .recognised) == tokens)
        #expect(try Self.stream(packed, lines, 1000) == tokens)
    }

    @Test("the owner lives as long as a tokenizer or a stream that reads its bytes")
    func keepsTheOwner() throws {
        weak var owner: PackedBlob?
        var stream: StreamingTokenizer?
        do {
            let blob = PackedBlob(try Self.marked.load().packed())
            owner = blob
            stream = StreamingTokenizer(try blob.load(), specialTokens: .text)
        }
        #expect(owner != nil)
        var tokens: [Token] = []
        try stream?.append(Array("the hello ".utf8), into: &tokens)
        #expect(tokens.first?.bytes == 0..<3)
        stream = nil
        #expect(owner == nil)
    }

    /// FNV-1a. If this fails, what the tables mean has changed: raise the version, then write the new number here.
    @Test("version 1 is exactly these bytes")
    func pinsTheVersion() throws {
        let bytes = try Self.marked.load().packed()
        let hash = bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        #expect(hash == 17_150_798_442_414_325_907)
        #expect(Array(bytes[..<16]) == Array("CPRSTOKN".utf8) + [1, 0, 0, 0, 0, 0, 0, 0])
    }
}
