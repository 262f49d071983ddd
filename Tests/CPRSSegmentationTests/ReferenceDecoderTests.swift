internal import CPRSCore
internal import CPRSJSON
internal import CPRSSegmentation
internal import CPRSTestSupport
internal import Glibc
internal import Testing

@Suite struct ReferenceDecoderTests {
    @Test(
        "gaps right of a B are filled up to the next B or E, if labels are less than 20 tokens apart",
        arguments: [
            ("BOE", "BIE"), ("BOB", "BIB"), ("BOIOEOE", "BIIIEOE"), ("IOE", "IOE"), ("EOI", "EOI"), ("BO", "BO"),
            ("", ""),
            ("B" + String(repeating: "O", count: 18) + "E", "B" + String(repeating: "I", count: 18) + "E"),
            ("B" + String(repeating: "O", count: 19) + "E", "B" + String(repeating: "O", count: 19) + "E"),
        ])
    func gaps(labels: String, expected: String) {
        let corrected = ReferenceDecoder.correctedLabels(labels.map { BIOE(letter: $0)! })
        #expect(String(corrected.map(\.letter)) == expected)
    }

    @Test("spans need more tokens than the minimum, lose white space at their ends and mere punctuation")
    func plainSpans() {
        let text = Array("ab cd （），！".utf8)
        let tokens = [0..<2, 2..<5, 5..<6, 6..<9, 9..<12, 12..<15, 15..<18]
        let found = { (labels: String, minimum: Int) in
            ReferenceDecoder.spans(
                text: text, tokens: tokens, labels: labels.map { BIOE(letter: $0)! }, minSpanTokens: minimum,
                wholeSentences: false)
        }
        #expect(found("BIOOOOO", 1) == [ReferenceSpan(bytes: 0..<5, strippedBytes: 0..<5)])
        #expect(found("BIOOOOO", 2).isEmpty)
        #expect(found("OBIOOOO", 0) == [ReferenceSpan(bytes: 2..<6, strippedBytes: 3..<5)])
        // `），` is a piece of the dropped string, `，！` is not.
        #expect(found("OOOOBIO", 0).isEmpty)
        #expect(found("OOOOOBI", 0) == [ReferenceSpan(bytes: 12..<18, strippedBytes: 12..<18)])
    }

    @Test("text that is not UTF-8 does not trap, though a character seems to reach beyond the span")
    func damagedText() {
        // By its first byte and the low bits of the next two, U+3000: white space of three bytes.
        let spans = ReferenceDecoder.spans(
            text: [0xE3, 0x40, 0x00], tokens: [0..<1, 1..<3], labels: [.begin, .outside], minSpanTokens: 0,
            wholeSentences: false)
        #expect(spans.isEmpty)
    }

    @Test("whole sentences grow to the ends of sentences, and one character short at the end of the context")
    func grownSpans() {
        let text = Array("A b. C d e. F g".utf8)
        let tokens = [0..<1, 1..<3, 3..<4, 4..<6, 6..<8, 8..<10, 10..<11, 11..<13, 13..<15]
        let spans = ReferenceDecoder.spans(
            text: text, tokens: tokens, labels: "OOOOBOOOE".map { BIOE(letter: $0)! }, minSpanTokens: 0,
            wholeSentences: true)
        #expect(spans.map(\.bytes) == [4..<11, 11..<15])
        #expect(spans.map(\.strippedBytes) == [5..<11, 12..<15])
    }

    @Test("the golden vectors' corrected labels and spans are met exactly", .enabled(if: SharedData.golden != nil))
    func golden() throws {
        let vectors = try lines(of: SharedData.golden! + "/spans.jsonl")
        #expect(vectors.count == 400)
        for (number, vector) in vectors.enumerated() {
            let text = vector["text"]!.string!
            var offsets = [0]
            for scalar in text.unicodeScalars { offsets.append(offsets.last! + UTF8.width(scalar)) }
            let labels = vector["labels"]!.string!.map { BIOE(letter: $0)! }
            let corrected = ReferenceDecoder.correctedLabels(labels)
            #expect(String(corrected.map(\.letter)) == vector["corrected_labels"]!.string!, "line \(number + 1)")
            let tokens = vector["token_offsets"]!.array!.map { pair in
                offsets[pair.array![0].integer!]..<offsets[pair.array![1].integer!]
            }
            let spans = ReferenceDecoder.spans(
                text: Array(text.utf8), tokens: tokens, labels: corrected,
                minSpanTokens: vector["min_keyword_len"]!.integer!, wholeSentences: vector["complete_sentence"]!.bool!)
            let expected = vector["spans"]!.array!.map(\.object!)
            #expect(
                spans.map { String(decoding: Array(text.utf8)[$0.strippedBytes], as: UTF8.self) }
                    == expected.map { $0["text"]!.string! }, "line \(number + 1)")
            #expect(
                spans.map(\.bytes)
                    == expected.map { offsets[$0["start"]!.integer!]..<offsets[$0["end"]!.integer!] },
                "line \(number + 1)")
        }
    }

    private func lines(of path: String) throws -> [JSONObject] {
        let file = try #require(fopen(path, "r"))
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
        return try bytes.split(separator: 0x0A).map { try JSONValue(Array($0), name: path).object! }
    }
}
