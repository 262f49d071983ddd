internal import CPRSCore
internal import CPRSJSON
internal import CPRSTestSupport
internal import CPRSTokenizer
internal import Foundation
internal import Testing

@Suite struct TokenizeTests {
    @Test("the three forms of output agree with the tokenizer, over many reads of the file")
    func forms() throws {
        let story = Array(try Data(contentsOf: URL(fileURLWithPath: SharedData.fixture("a-scandal-in-bohemia.txt"))))
        // Longer than what is read at a time.
        let folder = TemporaryFolder()
        let text = story + story + story
        let file = folder.write(text, to: "text.txt")
        let tokenizer = try Tokenizer(folder: SharedData.modelFolder)
        let tokens = try tokenizer.encode(text, specialTokens: .text)
        #expect(try Command.run(["tokenize", file, "--count"]).text == "\(tokens.count)\n")
        let ids = try JSONValue(try Command.run(["tokenize", file, "--ids"]).output, name: "ids").array
        #expect(ids?.compactMap(\.integer) == tokens.map { Int($0.id) })
        let lines = try Command.run(["tokenize", file]).text.split(separator: "\n").map { $0.split(separator: "\t") }
        #expect(
            lines.map { [$0[0], $0[1], $0[2]] }
                == tokens.map {
                    ["\($0.id)", "\($0.bytes.lowerBound)", "\($0.bytes.upperBound)"]
                })
    }

    @Test("an empty text has no tokens in any form")
    func empty() throws {
        #expect(try Command.run(["tokenize"]).text.isEmpty)
        #expect(try Command.run(["tokenize", "--count"]).text == "0\n")
        #expect(try Command.run(["tokenize", "--ids"]).text == "[]\n")
    }
}
