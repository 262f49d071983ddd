internal import ArgumentParser
internal import CPRSCore
internal import CPRSJSON
internal import CPRSRuntime
internal import CPRSTokenizer

struct TokenizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize",
        abstract: "Show a text's tokens, or count them.",
        discussion: """
            One line a token: id, start and end byte, the bytes as a JSON string. Offsets are those of the original \
            bytes, also where the tokenizer normalised them.

              cprs tokenize book.txt --count
              echo 'naïve café' | cprs tokenize
            """)

    @Argument(help: "The text, UTF-8; - for standard input.")
    var file = "-"

    @Flag(help: "Print the number of tokens only.")
    var count = false

    @Flag(help: "Print the ids only, as one JSON array.")
    var ids = false

    @Flag(help: "Treat markers such as <|im_start|> in the text as special tokens.")
    var specialTokens = false

    @Option(
        help: ArgumentHelp(
            "Model folder or packed file, or any folder with a tokenizer (default: the model that ships with cprs).",
            valueName: "path"))
    var model: String?

    @Option(help: ArgumentHelp("Time the tokenizer on the text this many times and print JSON.", visibility: .hidden))
    var bench: Int?

    func run() throws {
        let path = try self.model ?? ModelOptions.defaultModel()
        let source = try ContextSource(path: self.file)
        if let repeats = self.bench { return try self.time(folder: path, source: source, repeats: repeats) }
        var stream = StreamingTokenizer(
            try ModelSource(path: path).tokenizer(), specialTokens: self.specialTokens ? .recognised : .text)
        var total = 0
        var tokens: [Token] = []
        while let chunk = try source.next() {
            try stream.append(chunk, into: &tokens)
            try self.print(&tokens, source: source, total: &total)
        }
        try stream.finish(into: &tokens)
        try self.print(&tokens, source: source, total: &total)
        if self.ids { Console.write(total == 0 ? "[]\n" : "]\n") }
        if self.count { Console.write("\(total)\n") }
        Console.flush()
    }

    private func print(_ tokens: inout [Token], source: ContextSource, total: inout Int) throws {
        if self.ids {
            for (index, token) in tokens.enumerated() {
                Console.write(total + index == 0 ? "[\(token.id)" : ",\(token.id)")
            }
        }
        for token in tokens where !self.count && !self.ids {
            Console.write("\(token.id)\t\(token.bytes.lowerBound)\t\(token.bytes.upperBound)\t")
            Console.write(try source.bytes(token.bytes).jsonQuotedLossy)
            Console.write("\n")
        }
        if let last = tokens.last { source.release(before: last.bytes.lowerBound) }
        total += tokens.count
        tokens.removeAll(keepingCapacity: true)
    }

    private func time(folder: String, source: ContextSource, repeats: Int) throws {
        var text: [UInt8] = []
        while let chunk = try source.next() { text += chunk }
        let result = try TokenizerBenchmark.run(folder: folder, text: text, repeats: repeats)
        Console.write(
            "{\"bytes\":\(text.count),\"tokens\":\(result.tokens),\"median_seconds\":\(result.medianSeconds)}\n")
        Console.flush()
    }
}

extension [UInt8] {
    /// A JSON string; bytes that are no UTF-8 (a token may hold a part of a character) become U+FFFD.
    fileprivate var jsonQuotedLossy: [UInt8] { JSONText.quoted(Array(String(decoding: self, as: UTF8.self).utf8)) }
}
