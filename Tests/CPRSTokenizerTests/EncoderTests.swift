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
        let tokenizer = try Tokenizer(folder: SharedData.modelFolder)
        var generator = SeededGenerator(seed: 5)
        let runs = [String(repeating: "a", count: 700), String(repeating: "ab", count: 300)]
        let random = (0..<200).map { _ in
            let length = Int.random(in: 1...60, using: &generator)
            return String((0..<length).map { _ in "etaoinshrdlu".randomElement(using: &generator)! })
        }
        let words = ["the", "internationalization"] + runs + random
        for word in words {
            let expected = ReferenceEncoder.encode(Array(word.utf8), tokenizer)
            #expect(try tokenizer.encode(Array(word.utf8), specialTokens: .text).map(\.id) == expected, "\(word)")
            #expect(MergeQueueEncoder.encode(Array(word.utf8), tokenizer) == expected, "\(word)")
        }
    }

    /// A time limit would depend on the machine, but any step that is quadratic shows at this size: it takes minutes.
    @Test(
        "long pretokens of every kind encode in near linear time, whole and in chunks, as the merge queue encodes them",
        .timeLimit(.minutes(2)), arguments: ["letters", "a", " ", "'", "\n", "\r", "\u{301}", "!?", "😀", "7"])
    func longPretokens(_ kind: String) throws {
        let tokenizer = try Tokenizer(folder: SharedData.modelFolder)
        var generator = SeededGenerator(seed: 9)
        var text: [UInt8] = []
        while text.count < 600_000 {
            if kind == "letters" {
                text.append(UInt8.random(in: 0x61...0x7A, using: &generator))
            } else {
                text += Array(kind.utf8)
            }
        }
        let whole = try tokenizer.encode(text, specialTokens: .text)
        let pretokens = PreTokenizer.split(text)
        #expect(whole.map(\.id) == pretokens.flatMap { MergeQueueEncoder.encode(Array(text[$0]), tokenizer) })
        var stream = StreamingTokenizer(tokenizer, specialTokens: .text)
        var tokens: [Token] = []
        for start in stride(from: 0, to: text.count, by: 1000) {
            try stream.append(text[start..<min(start + 1000, text.count)], into: &tokens)
        }
        try stream.finish(into: &tokens)
        #expect(tokens == whole)
    }

    @Test("tokens stand for the bytes of their ranges where NFC changes nothing", arguments: 1...3)
    func rangesHoldTheBytes(_ seed: UInt64) throws {
        let tokenizer = try Tokenizer(folder: SharedData.modelFolder)
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let text = Normalizer.nfc(Array(randomText(&generator, pieces: 15).utf8))
            let tokens = try tokenizer.encode(text, specialTokens: .text)
            #expect(tokens.flatMap { tokenizer.bytes(of: $0.id)! } == text)
            #expect(tokens.allSatisfy { tokenizer.bytes(of: $0.id)! == Array(text[$0.bytes]) })
            #expect(tokens.flatMap { Array($0.bytes) } == Array(text.indices))
        }
    }

    @Test("ranges ascend where NFC moves marks and splits letters, whole or as single bytes", arguments: 1...4)
    func rangesAscend(_ seed: UInt64) throws {
        let tokenizers = [try TinyTokenizer(merges: []).load(), try Tokenizer(folder: SharedData.modelFolder)]
        let pieces = [
            "e", "\u{121}", "\u{123}", "\u{1EC7}", "\u{344}", "\u{958}", "\u{307}", "\u{323}", "\u{327}", " ",
        ]
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<1000 {
            let text = (0..<8).map { _ in pieces.randomElement(using: &generator)! }.joined()
            for tokenizer in tokenizers {
                let ranges = try tokenizer.encode(Array(text.utf8), specialTokens: .text).map(\.bytes)
                let isAscending = zip(ranges, ranges.dropFirst()).allSatisfy {
                    $0.lowerBound <= $1.lowerBound && $0.upperBound <= $1.upperBound
                }
                #expect(isAscending, "\(text.unicodeScalars.map { String($0.value, radix: 16) }): \(ranges)")
            }
        }
    }
}
