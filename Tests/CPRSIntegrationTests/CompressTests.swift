internal import CPRSCore
internal import CPRSJSON
internal import CPRSTestSupport
internal import Foundation
internal import Testing

@Suite struct CompressTests {
    static let story = SharedData.fixture("a-scandal-in-bohemia.txt")
    static let question = "What does Irene Adler's photograph show?"

    func json(_ arguments: [String], input: [UInt8] = []) throws -> JSONObject {
        let command = try Command.run(["compress"] + arguments + ["--format", "json"], input: input)
        #expect(command.status == 0, "\(command.error)")
        return try #require(try JSONValue(command.output, name: "output").object)
    }

    @Test("the spans of the JSON are slices of the file, and its figures add up")
    func spans() throws {
        let text = Array(try Data(contentsOf: URL(fileURLWithPath: Self.story)))
        let result = try self.json([Self.story, "--query", Self.question, "--ratio", "0.05"])
        let spans = try #require(result["spans"]?.array).compactMap { $0.object }
        #expect(!spans.isEmpty)
        var tokens = 0
        for span in spans {
            let start = try #require(span["start"]?.integer)
            let end = try #require(span["end"]?.integer)
            #expect(span["text"]?.string == String(decoding: text[start..<end], as: UTF8.self))
            tokens += try #require(span["tokens"]?.integer)
        }
        #expect(result["context_bytes"]?.integer == text.count)
        #expect(result["kept_tokens"]?.integer == tokens)
        let context = try #require(result["context_tokens"]?.integer)
        #expect(Double(tokens) <= 0.05 * Double(context))
        #expect(result["ratio"]?.number == Double(context) / Double(tokens))
        #expect(result["timings"]?.object?["total"]?.number ?? 0 > 0)
    }

    @Test("text output is the concatenation of the spans, and a pipe gives what a file gives")
    func textAndPipe() throws {
        let arguments = ["--query", Self.question, "--max-tokens", "150"]
        let spans = try #require(try self.json([Self.story] + arguments)["spans"]?.array)
        let joined = spans.compactMap { $0.object?["text"]?.string }.joined()
        #expect(try Command.run(["compress", Self.story] + arguments).text == joined)
        let input = Array(try Data(contentsOf: URL(fileURLWithPath: Self.story)))
        #expect(try Command.run(["compress", "-"] + arguments, input: input).text == joined)
    }

    @Test("JSON Lines hold the same spans as JSON, then the figures")
    func lines() throws {
        let arguments = [Self.story, "--query", Self.question, "--max-tokens", "150"]
        let spans = try #require(try self.json(arguments)["spans"]?.array)
        let command = try Command.run(["compress"] + arguments + ["--format", "jsonl"])
        let lines = try command.output.split(separator: UInt8(ascii: "\n")).map {
            try JSONValue(Array($0), name: "line")
        }
        #expect(Array(lines.dropLast()) == spans)
        #expect(lines.last?.object?["kept_tokens"]?.integer != nil)
    }

    @Test("the page holds the whole document, kept pieces marked, and nothing of it as markup")
    func page() throws {
        let text = "One <b>bold</b> claim & more. Two is here. Three ends.\n"
        let command = try Command.run(
            ["compress", "-", "--query", "bold?", "--threshold", "0", "--format", "html"], input: Array(text.utf8))
        #expect(command.status == 0, "\(command.error)")
        #expect(command.text.contains("One &lt;b&gt;bold&lt;/b&gt; claim &amp; more. "))
        #expect(command.text.components(separatedBy: "<mark").count == 4)
    }

    @Test("the number of threads does not change what is kept")
    func threads() throws {
        let arguments = [Self.story, "--query", Self.question, "--ratio", "0.03"]
        let one = try self.json(arguments + ["--threads", "1"])
        let two = try self.json(arguments + ["--threads", "2"])
        let ranges = { (result: JSONObject) in result["spans"]?.array?.compactMap { $0.object?["start"]?.integer } }
        #expect(ranges(one) == ranges(two))
    }

    @Test(
        "bad input ends with its exit code and one line that says what is wrong",
        arguments: [
            (["compress", "/no/such/file", "--query", "q"], "", 66, "/no/such/file: No such file or directory"),
            (["compress", "/", "--query", "q"], "", 66, "is a directory"),
            (["compress", "-", "--query", "q"], "", 65, "the context is empty"),
            (["compress", "-"], "text", 64, "--query is empty"),
            (
                ["compress", "-", "--query", "q", "--preset", "facts"], "text", 64,
                "--preset must be one of fact, needle"
            ),
            (
                ["compress", "-", "--query", "q", "--threshold", "2"], "text", 64,
                "threshold must be in 0...1 (got 2.0)"
            ),
            (
                ["compress", "-", "--query", "q", "--max-tokens", "5", "--ratio", "0.1"], "text", 64,
                "exclude each other"
            ),
            (["compress", "-", "--query", "q", "--window", "1000000"], "text", 64, "window"),
            (["compress", "-", "--query", "q", "--threads", "0"], "text", 64, "threads must be in 1...256 (got 0)"),
            (["compress", "-", "--query", "q", "--keep-regex", "("], "text", 64, "("),
            (["compress", "-", "--query", "q", "--model", "/no/such/model"], "text", 66, "/no/such/model"),
            (["compress", "-", "--query", "q", "--granularity", "page"], "text", 64, "page"),
            (["compress", "-", "--query", "q", "--receipt", "/no/such/folder/x"], "text", 74, "cannot be created"),
            (
                ["pack", SharedData.modelFolder, "--precision", "int8", "-o", "/no/such/folder/x"], "", 74,
                "cannot be created"
            ),
        ] as [([String], String, Int32, String)])
    func badInput(arguments: [String], input: String, status: Int32, message: String) throws {
        let command = try Command.run(arguments, input: Array(input.utf8))
        #expect(command.status == status, "\(command.error)")
        #expect(command.error.contains(message), "\(command.error)")
        #expect(command.output.isEmpty)
    }

    @Test("text that is not UTF-8 is refused with the offset of the first bad byte")
    func invalidText() throws {
        let command = try Command.run(["compress", "-", "--query", "q"], input: Array("abc".utf8) + [0xFF, 0x41])
        #expect(command.status == 65)
        #expect(command.error.contains("byte 3"), "\(command.error)")
    }
}
