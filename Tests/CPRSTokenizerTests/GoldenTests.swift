internal import CPRSCore
internal import CPRSTestSupport
internal import CPRSTokenizer
internal import Foundation
internal import Testing

@Suite("Golden vectors of the reference")
struct GoldenTests {
    private struct Line: Decodable {
        var text: String
        var ids: [TokenID]
        /// In code points.
        var offsets: [[Int]]
    }

    @Test("ids and snapped ranges equal the reference's on every line", .enabled(if: SharedData.golden != nil))
    func equalsReference() throws {
        let golden = try #require(SharedData.golden)
        let tokenizer = try Tokenizer(folder: golden + "/qwen2")
        let lines = try Data(contentsOf: URL(fileURLWithPath: golden + "/tokenizer.jsonl")).split(separator: 0x0A)
        #expect(lines.count == 1554)
        for data in lines {
            let line = try JSONDecoder().decode(Line.self, from: data)
            let tokens = try tokenizer.encode(Array(line.text.utf8), specialTokens: .recognised)
            #expect(tokens.map(\.id) == line.ids, "\(line.text)")
            #expect(Self.snapped(tokens, line.text) == line.offsets, "\(line.text)")
        }
    }

    /// Byte ranges grown to whole characters, in code points.
    private static func snapped(_ tokens: [Token], _ text: String) -> [[Int]] {
        let scalarOfByte = text.unicodeScalars.enumerated().flatMap { index, scalar in
            repeatElement(index, count: UTF8.width(scalar))
        }
        return tokens.map { [scalarOfByte[$0.bytes.lowerBound], scalarOfByte[$0.bytes.upperBound - 1] + 1] }
    }

    @Test(
        "vocab.json with merges.txt gives the tokens of tokenizer.json",
        .enabled(if: SharedData.existing("data/golden/models/tiny-bf16-sharded/vocab.json") != nil))
    func readsBothLayouts() throws {
        let models = try #require(SharedData.golden) + "/models"
        // The same tokenizer, once without and once with tokenizer.json.
        let separate = try Tokenizer(folder: models + "/tiny-f16-gqa7")
        let single = try Tokenizer(folder: models + "/tiny-f32")
        #expect(separate.vocabularySize == single.vocabularySize)
        #expect(separate.specialToken("<|im_start|>") == single.specialToken("<|im_start|>"))
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<200 {
            let text = Array(randomText(&generator, pieces: 20).utf8)
            #expect(
                try separate.encode(text, specialTokens: .recognised)
                    == single.encode(text, specialTokens: .recognised))
        }
    }
}
