internal import CPRSCore
internal import CPRSTestSupport
internal import CPRSTokenizer
internal import Testing

@Suite("Byte-pair encoders")
struct EncoderTests {
    /// A vocabulary over a few letters with random merges: some give a token that there already is, in another way.
    private static func random(_ generator: inout SeededGenerator, isOrdered: Bool) -> TinyTokenizer {
        var tokens = ["a", "b", "c"]
        var merges: [(String, String)] = []
        for _ in 0..<Int.random(in: 1...40, using: &generator) {
            let pair = (tokens.randomElement(using: &generator)!, tokens.randomElement(using: &generator)!)
            guard pair.0.count + pair.1.count < 12, !merges.contains(where: { $0 == pair }) else { continue }
            merges.append(pair)
            if !tokens.contains(pair.0 + pair.1) { tokens.append(pair.0 + pair.1) }
        }
        if !isOrdered { merges.shuffle(using: &generator) }
        return TinyTokenizer(merges: merges)
    }

    @Test("the fast encoder and the merge queue equal the definition for any merges", arguments: 1...40)
    func equalsDefinition(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let tokenizer = try Self.random(&generator, isOrdered: seed % 3 != 0).load()
        for length in [1, 2, 3, 5, 8, 13, 40, 200] {
            for _ in 0..<20 {
                let text = (0..<length).map { _ in "abc".utf8.randomElement(using: &generator)! }
                let expected = ReferenceEncoder.encode(text, tokenizer)
                #expect(MergeQueueEncoder.encode(text, tokenizer) == expected, "seed \(seed), \(text)")
                #expect(
                    try tokenizer.encode(text, specialTokens: .text).map(\.id) == expected, "seed \(seed), \(text)")
            }
        }
    }

    @Test("real merges give what the definition gives, on words, runs and repeats")
    func equalsDefinitionOnDefaultModel() throws {
        let tokenizer = try Tokenizer(folder: defaultModelFolder)
        var generator = SeededGenerator(seed: 5)
        var words = [
            "the", "internationalization", String(repeating: "a", count: 700), String(repeating: "ab", count: 300),
        ]
        words += (0..<200).map { _ in
            String(
                (0..<Int.random(in: 1...60, using: &generator)).map { _ in
                    "etaoinshrdlu".randomElement(using: &generator)!
                })
        }
        for word in words {
            let expected = ReferenceEncoder.encode(Array(word.utf8), tokenizer)
            #expect(try tokenizer.encode(Array(word.utf8), specialTokens: .text).map(\.id) == expected, "\(word)")
            #expect(MergeQueueEncoder.encode(Array(word.utf8), tokenizer) == expected, "\(word)")
        }
    }

    @Test("tokens stand for the bytes of their ranges where NFC changes nothing", arguments: 1...3)
    func rangesHoldTheBytes(_ seed: UInt64) throws {
        let tokenizer = try Tokenizer(folder: defaultModelFolder)
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let text = Normalizer.nfc(Array(randomText(&generator, pieces: 15).utf8))
            let tokens = try tokenizer.encode(text, specialTokens: .text)
            #expect(tokens.flatMap { tokenizer.bytes(of: $0.id)! } == text)
            #expect(tokens.allSatisfy { tokenizer.bytes(of: $0.id)! == Array(text[$0.bytes]) })
            #expect(tokens.flatMap { Array($0.bytes) } == Array(text.indices))
        }
    }
}
