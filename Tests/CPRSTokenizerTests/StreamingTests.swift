internal import CPRSCore
internal import CPRSTestSupport
internal import CPRSTokenizer
internal import Testing

@Suite("Streaming")
struct StreamingTests {
    private static func markers(_ tokenizer: TinyTokenizer) -> TinyTokenizer {
        var tokenizer = tokenizer
        tokenizer.added = [("<|im_start|>", 1000), ("<|im_end|>", 1001), ("<|", 1002), ("<|im_start|>the", 1003)]
        return tokenizer
    }

    private static func stream(
        _ tokenizer: Tokenizer, _ text: [UInt8], _ special: Tokenizer.SpecialTokens, _ next: () -> Int
    ) throws -> [Token] {
        var stream = StreamingTokenizer(tokenizer, specialTokens: special)
        var tokens: [Token] = []
        var start = 0
        while start < text.count {
            let end = min(start + next(), text.count)
            try stream.append(text[start..<end], into: &tokens)
            start = end
        }
        try stream.finish(into: &tokens)
        return tokens
    }

    @Test("any chunking gives the tokens of the whole", arguments: 1...6)
    func anyChunking(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let tokenizer = try seed % 2 == 0 ? Tokenizer(folder: SharedData.modelFolder) : Self.markers(.english).load()
        for _ in 0..<150 {
            let text = Array(randomText(&generator, pieces: 15).utf8)
            for special in [Tokenizer.SpecialTokens.text, .recognised] {
                let whole = try tokenizer.encode(text, specialTokens: special)
                #expect(try Self.stream(tokenizer, text, special) { 1 } == whole, "seed \(seed), single bytes: \(text)")
                let most = Int.random(in: 2...20, using: &generator)
                let random = try Self.stream(tokenizer, text, special) { Int.random(in: 1...most, using: &generator) }
                #expect(random == whole, "seed \(seed), up to \(most) bytes: \(text)")
            }
        }
    }

    @Test("every single cut of a hard text gives the tokens of the whole")
    func everyCut() throws {
        let tokenizer = try Self.markers(.english).load()
        let text = Array("the<|im_start|>the  \n e\u{301}\u{323}he'll<|im_end|>\u{1100}\u{1161}\u{11A8}😀'RE  <|im".utf8)
        let whole = try tokenizer.encode(text, specialTokens: .recognised)
        for cut in 0...text.count {
            var sizes = [max(cut, 1), text.count]
            #expect(try Self.stream(tokenizer, text, .recognised) { sizes.removeFirst() } == whole, "cut at \(cut)")
        }
    }

    @Test("what a long stream remembers of its words stays theirs while it grows")
    func manyWords() throws {
        let tokenizer = try TinyTokenizer.english.load()
        let letters = (0..<26).map { Character(UnicodeScalar(UInt8(97 + $0))) }
        // Of three bytes, so at most three tokens: all of them are remembered.
        let words = letters.flatMap { first in letters.map { " \(first)\($0)" } }
        let alone = try words.flatMap { try tokenizer.encode(Array($0.utf8), specialTokens: .text).map(\.id) }
        let text = String(repeating: words.joined(), count: 3)
        let tokens = try tokenizer.encode(Array(text.utf8), specialTokens: .text)
        #expect(tokens.map(\.id) == alone + alone + alone)
        #expect(tokens.last?.bytes.upperBound == text.utf8.count)
    }

    @Test("tokens come out as soon as the next character settles them")
    func comesOutEarly() throws {
        let tokenizer = try TinyTokenizer.english.load()
        var stream = StreamingTokenizer(tokenizer, specialTokens: .text)
        var counts: [Int] = []
        var tokens: [Token] = []
        for byte in Array("hell the x".utf8) {
            try stream.append([byte], into: &tokens)
            counts.append(tokens.count)
        }
        // A character waits for the next one (a combining mark may follow), the word for its end.
        #expect(counts == [0, 0, 0, 0, 0, 2, 2, 2, 2, 3])
    }

    @Test("markers are tokens on request and text otherwise; the leftmost, then the longest wins")
    func markersOnRequest() throws {
        let tokenizer = try Self.markers(.english).load()
        let text = Array("he<|im_start|>the<|im_end|><|x".utf8)
        let recognised = try tokenizer.encode(text, specialTokens: .recognised)
        #expect(recognised.map(\.id).filter { $0 >= 1000 } == [1003, 1001, 1002])
        #expect(recognised.first { $0.id == 1003 }?.bytes == 2..<17)
        let plain = try tokenizer.encode(text, specialTokens: .text)
        #expect(plain.allSatisfy { $0.id < 1000 })
        #expect(plain.flatMap { tokenizer.bytes(of: $0.id)! } == text)
        #expect(tokenizer.specialToken("<|im_end|>") == 1001)
        #expect(tokenizer.specialToken("the") == nil)
        #expect(tokenizer.vocabularySize == 1004)
        #expect(tokenizer.bytes(of: 1001) == Array("<|im_end|>".utf8))
        #expect(tokenizer.bytes(of: 999) == nil)
        #expect(tokenizer.bytes(of: 1004) == nil)
        #expect(tokenizer.bytes(of: -1) == nil)
    }

    @Test(
        "invalid UTF-8 is an error with the offset of its first byte, in one piece or many",
        arguments: [
            ([0x80], 0), ([0x61, 0xC0, 0x80], 1), ([0x61, 0xC3], 1), ([0x61, 0xC3, 0x41], 1), ([0xE0, 0x9F, 0x80], 0),
            ([0x61, 0x62, 0xED, 0xA0, 0x80], 2), ([0xF0, 0x8F, 0x80, 0x80], 0), ([0xF4, 0x90, 0x80, 0x80], 0),
            ([0xF5, 0x80, 0x80, 0x80], 0), ([0xE4, 0xB8, 0xAD, 0xFF], 3), ([0xF0, 0x9F, 0x98], 0),
            ([0xE4, 0xB8, 0xAD, 0xE4, 0xB8, 0x20], 3),
        ] as [([UInt8], Int)])
    func invalidText(_ text: [UInt8], _ offset: Int) throws {
        let tokenizer = try TinyTokenizer.english.load()
        for size in [1, 2, 3, 100] {
            // A long valid beginning, so that offsets count from the start of the stream, not of a slice.
            for prefix in [0, 40_000] {
                let bytes = [UInt8](repeating: 0x20, count: prefix) + text
                let error = #expect(throws: CPRSError.self) {
                    _ = try Self.stream(tokenizer, bytes, .text) { size }
                }
                #expect(error?.code == .invalidText)
                #expect(error?.message.contains("at byte \(prefix + offset) ") == true, "\(String(describing: error))")
            }
        }
    }

    @Test(
        "what normalization changed keeps the bounds of whole original characters",
        arguments: [
            // Composed: the accent lies between the ranges.
            ("e\u{301}x", [0..<1, 3..<4]),
            // Split in two: all parts stand for the one original character.
            ("\u{958}a", [0..<3, 0..<3, 0..<3, 0..<3, 0..<3, 0..<3, 3..<4]),
            // Reordered: each mark takes the place it moved to.
            ("q\u{307}\u{323}r", [0..<1, 1..<3, 1..<3, 3..<5, 3..<5, 5..<6]),
            // Unchanged: the exact bytes.
            ("中", [0..<1, 1..<2, 2..<3]),
        ])
    func normalizedRanges(_ text: String, _ ranges: [Range<Int>]) throws {
        let tokens = try TinyTokenizer(merges: [("Ã", "©")]).load().encode(Array(text.utf8), specialTokens: .text)
        #expect(tokens.map(\.bytes) == ranges)
    }
}
