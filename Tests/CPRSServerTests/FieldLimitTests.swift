internal import CPRSCore
internal import CPRSEngine
internal import CPRSServer
internal import CPRSTestSupport
internal import CPRSTokenizer
internal import CPRSWire
internal import Foundation
internal import GRPCCore
internal import SwiftProtobuf
internal import Testing

/// Every field that a caller can send, its limit as SECURITY.md states it, and a request on either side of it.
@Suite struct FieldLimitTests {
    /// One side of a limit, and the other.
    struct Edge: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var inside: @Sendable (inout Cprs_V1_Begin) -> Void
        var outside: @Sendable (inout Cprs_V1_Begin) -> Void
        /// The field that the refusal names; nil where several share a limit.
        var field: String?
    }

    /// Fields of `Begin` and `Selection` by the name in SECURITY.md's table, with the limit that stands there.
    static let stated: [(field: String, limit: String)] = [
        ("preset", "one of those that GetModelInfo lists"),
        ("instruction", "with `query`: leaves room for 16 tokens in a window"),
        ("query", "with `instruction`: leaves room for 16 tokens in a window; not empty where the preset needs it"),
        ("tags", "\(WireLimits.maxListEntries) of 1 to \(WireLimits.maxTagBytes) bytes, whose first tokens differ"),
        ("window_tokens", "16 to the model's most; 0 for its own"),
        ("selection.granularity", "0 to 6"), ("selection.threshold", "0 to 1"),
        ("selection.max_tokens", "1 to 2^63 - 1"), ("selection.ratio", "above 0, at most 1"),
        ("selection.min_span_tokens", "any"), ("selection.whole_sentences", "any"), ("selection.decoding", "0 to 2"),
        ("selection.keep_literals", "1024 of 1 to 4096 bytes; 65536 bytes with `keep_regexes`"),
        (
            "selection.keep_regexes",
            "64 of 1 to 4096 bytes; 8192 states in all, repetitions up to 1000, groups 64 deep; "
                + "a match ends after 65536 bytes"
        ), ("selection.match_words", "any"), ("deadline_ms", "any; not 0 with deadline_policy PARTIAL"),
        ("deadline_policy", "0 to 2; PARTIAL without a budget"), ("request_class", "0 to 2"),
        ("client_request_id", "\(WireLimits.maxClientRequestIDBytes) bytes"),
        ("include_text", "any; what is undecided must fit max_held_bytes"), ("include_token_scores", "any"),
        ("include_provisional", "any"), ("retain_scores", "any"),
        ("chunk.text", "UTF-8; max_context_bytes in all"),
        ("chunk.document_id", "\(WireLimits.maxDocumentIDBytes) bytes"),
        ("compress_text.text", "as `chunk.text`"), ("count_tokens.text", "UTF-8"),
        ("recut.request_id", "an id of the same user, not longer ago than `retention-seconds`"),
        ("recut.include_text", "as in Begin"), ("recut.include_token_scores", "as in Begin"),
    ]

    static let edges: [Edge] = [
        Edge(
            testDescription: "tags: number", inside: { $0.tags = Self.tags(WireLimits.maxListEntries) },
            outside: { $0.tags = Self.tags(WireLimits.maxListEntries + 1) }, field: "tags"),
        Edge(
            testDescription: "tags: bytes",
            inside: { $0.tags = [String(repeating: "t", count: WireLimits.maxTagBytes)] },
            outside: { $0.tags = [String(repeating: "t", count: WireLimits.maxTagBytes + 1)] }, field: "tags"),
        Edge(
            testDescription: "window_tokens", inside: { $0.windowTokens = 4096 }, outside: { $0.windowTokens = 4097 },
            field: "window_tokens"),
        Edge(
            testDescription: "window_tokens, least", inside: { $0.windowTokens = 0 }, outside: { $0.windowTokens = 15 },
            field: "window_tokens"),
        Edge(
            testDescription: "selection.granularity", inside: { $0.selection.granularity = .record },
            outside: { $0.selection.granularity = .UNRECOGNIZED(7) }, field: "selection.granularity"),
        Edge(
            testDescription: "selection.threshold", inside: { $0.selection.threshold = 1 },
            outside: { $0.selection.threshold = Float(1).nextUp }, field: "selection.threshold"),
        Edge(
            testDescription: "selection.threshold, least", inside: { $0.selection.threshold = 0 },
            outside: { $0.selection.threshold = -Float.leastNonzeroMagnitude }, field: "selection.threshold"),
        Edge(
            testDescription: "selection.max_tokens", inside: { $0.selection.maxTokens = UInt64(Int.max) },
            outside: { $0.selection.maxTokens = UInt64(Int.max) + 1 }, field: "selection.max_tokens"),
        Edge(
            testDescription: "selection.max_tokens, least", inside: { $0.selection.maxTokens = 1 },
            outside: { $0.selection.maxTokens = 0 }, field: "selection.max_tokens"),
        Edge(
            testDescription: "selection.ratio", inside: { $0.selection.ratio = 1 },
            outside: { $0.selection.ratio = 1.0.nextUp }, field: "selection.ratio"),
        Edge(
            testDescription: "selection.ratio, least", inside: { $0.selection.ratio = .leastNonzeroMagnitude },
            outside: { $0.selection.ratio = 0 }, field: "selection.ratio"),
        Edge(
            testDescription: "selection.decoding", inside: { $0.selection.decoding = .reference },
            outside: { $0.selection.decoding = .UNRECOGNIZED(3) }, field: "selection.decoding"),
        Edge(
            testDescription: "selection.keep_literals: number",
            inside: { $0.selection.keepLiterals = Self.words(1024) },
            outside: { $0.selection.keepLiterals = Self.words(1025) }, field: "selection.keep_literals"),
        Edge(
            testDescription: "selection.keep_literals: bytes",
            inside: { $0.selection.keepLiterals = [String(repeating: "l", count: 4096)] },
            outside: { $0.selection.keepLiterals = [String(repeating: "l", count: 4097)] },
            field: "selection.keep_literals"),
        Edge(
            testDescription: "selection.keep_literals and keep_regexes: bytes in all",
            inside: { $0.selection.keepLiterals = (0..<16).map { Self.long("l\($0)", bytes: 4096) } },
            outside: {
                $0.selection.keepLiterals = (0..<16).map { Self.long("l\($0)", bytes: 4096) }
                $0.selection.keepRegexes = ["r"]
            }, field: nil),
        Edge(
            testDescription: "selection.keep_literals: least",
            inside: { $0.selection.keepLiterals = ["l"] }, outside: { $0.selection.keepLiterals = [""] },
            field: "selection.keep_literals"),
        Edge(
            testDescription: "selection.keep_regexes: number",
            inside: { $0.selection.keepRegexes = Self.words(64) },
            outside: { $0.selection.keepRegexes = Self.words(65) }, field: "selection.keep_regexes"),
        Edge(
            testDescription: "selection.keep_regexes: bytes",
            inside: { $0.selection.keepRegexes = [String(repeating: "r", count: 4096)] },
            outside: { $0.selection.keepRegexes = [String(repeating: "r", count: 4097)] },
            field: "selection.keep_regexes"),
        Edge(
            testDescription: "selection.keep_regexes: states",
            inside: { $0.selection.keepRegexes = ["((a{9}){10}){91}b"] },
            outside: { $0.selection.keepRegexes = ["((a{9}){10}){91}bc"] }, field: "selection.keep_regexes"),
        Edge(
            testDescription: "selection.keep_regexes: repetitions",
            inside: { $0.selection.keepRegexes = ["a{1000}"] }, outside: { $0.selection.keepRegexes = ["a{1001}"] },
            field: "selection.keep_regexes"),
        Edge(
            testDescription: "selection.keep_regexes: groups",
            inside: { $0.selection.keepRegexes = [Self.nested(64)] },
            outside: { $0.selection.keepRegexes = [Self.nested(65)] }, field: "selection.keep_regexes"),
        Edge(
            testDescription: "deadline_policy", inside: { $0.deadlinePolicy = .fail },
            outside: { $0.deadlinePolicy = .UNRECOGNIZED(3) }, field: "deadline_policy"),
        Edge(
            testDescription: "deadline_ms", inside: { $0.deadlineMs = .max },
            outside: { $0.deadlinePolicy = .partial }, field: "deadline_ms"),
        Edge(
            testDescription: "request_class", inside: { $0.requestClass = .batch },
            outside: { $0.requestClass = .UNRECOGNIZED(3) }, field: "request_class"),
        Edge(
            testDescription: "client_request_id",
            inside: { $0.clientRequestID = String(repeating: "i", count: WireLimits.maxClientRequestIDBytes) },
            outside: { $0.clientRequestID = String(repeating: "i", count: WireLimits.maxClientRequestIDBytes + 1) },
            field: "client_request_id"),
        Edge(
            testDescription: "preset", inside: { $0.preset = "paragraph" }, outside: { $0.preset = "paragraphs" },
            field: "preset"),
        Edge(testDescription: "query", inside: { $0.query = "?" }, outside: { $0.query = "" }, field: "query"),
    ]

    @Test("a field at its limit is taken, and one beyond it is refused by its name", arguments: edges)
    func edge(edge: Edge) async throws {
        try await TestServer.with(TestServer.service()) { client in
            let text = Array(Sample.mixed.prefix(2000))
            let answer = try await client.answer(text, .test(edge.inside))
            #expect(answer.summary.inputBytes == 2000)
            let error = await #expect(throws: ServiceError.self) {
                try await client.answer(text, .test(edge.outside))
            }
            #expect(error?.reason == .invalidArgument && error?.field == edge.field, "\(String(describing: error))")
        }
    }

    @Test("values that have no limit are taken at both ends")
    func unlimited() async throws {
        try await TestServer.with(TestServer.service()) { client in
            for tokens in [0, UInt32.max] {
                let begin = Cprs_V1_Begin.test { begin in
                    begin.selection.minSpanTokens = tokens
                    begin.selection.wholeSentences = true
                    begin.deadlineMs = .max
                }
                let answer = try await client.answer(Sample.mixed, begin)
                #expect(answer.summary.inputBytes > 0)
            }
        }
    }

    @Test("question and instruction may leave room for 16 tokens, and not for 15", arguments: [true, false])
    func prompt(isQuery: Bool) async throws {
        try await TestServer.with(TestServer.service()) { client in
            func begin(_ words: Int) -> Cprs_V1_Begin {
                .test { begin in
                    if isQuery {
                        begin.query = String(repeating: " a", count: words)
                    } else {
                        begin.instruction = String(repeating: " a", count: words)
                    }
                }
            }
            // The fake model's windows have 256 tokens.
            let one = try await client.answer(Array("text".utf8), begin(1)).accepted.promptTokens
            let most = 1 + 256 - 16 - Int(one)
            let full = try await client.answer(Array("text".utf8), begin(most))
            #expect(full.accepted.promptTokens == 240)
            let error = await #expect(throws: ServiceError.self) {
                try await client.answer(Array("text".utf8), begin(most + 1))
            }
            #expect(error?.reason == .invalidArgument && error?.field == "query")
        }
    }

    @Test("a document's id may have 256 bytes")
    func documentID() async throws {
        try await TestServer.with(TestServer.service()) { client in
            let most = WireLimits.maxDocumentIDBytes
            for (bytes, isTaken) in [(most, true), (most + 1, false)] {
                let chunk = Cprs_V1_Chunk.with {
                    $0.documentID = String(repeating: "d", count: bytes)
                    $0.text = .init(wire: Sample.mixed)
                }
                let answer = try? await client.compress(
                    requestProducer: {
                        try await $0.write(.with { $0.begin = .test() })
                        try await $0.write(.with { $0.chunk = chunk })
                    }, onResponse: { try await Answer.collect($0.messages) })
                #expect((answer != nil) == isTaken)
                #expect(answer?.kept.allSatisfy { $0.documentID.utf8.count == bytes } != false)
            }
        }
    }

    @Test("a context may have as many bytes as the server says, and none more")
    func contextBytes() async throws {
        let text = Array(Sample.mixed.prefix(5000))
        for (most, isTaken) in [(5000, true), (4999, false)] {
            let service = try TestServer.service { $0.maxContextBytes = most }
            let answer = await Self.result { try await TestServer.with(service) { try await $0.answer(text) } }
            switch answer {
            case .success(let answer): #expect(isTaken && answer.summary.inputBytes == 5000)
            case .failure(let error):
                #expect(!isTaken && error.reason == .contextTooLarge && error.limit == 4999, "\(error)")
            }
        }
    }

    @Test("a message of the largest size is taken over the socket, and one byte more is refused")
    func messageBytes() async throws {
        let service = try TestServer.service()
        // Beside the text, a key and a length of four bytes.
        let most = service.limits.maxMessageBytes + (64 << 10) - 5
        func tokens(_ bytes: Int) async throws -> UInt64 {
            try await SocketServer.with(service) { _, path in
                try await SocketServer.withClient(path) { client in
                    let request = Cprs_V1_CountTokensRequest.with {
                        $0.text = .init(repeating: UInt8(ascii: "a"), count: bytes)
                    }
                    return try await SocketTests.Stub(wrapping: client).countTokens(request).tokens
                }
            }
        }
        #expect(try await tokens(most) > 0)
        await #expect(throws: (any Error).self) { try await tokens(most + 1) }
    }

    @Test("SECURITY.md states the limit of every field of the protocol, and no other")
    func table() throws {
        let page = try String(contentsOfFile: SharedData.security, encoding: .utf8)
        let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `") && $0.split(separator: "|").count >= 2 }
        let table = rows.map { row in
            row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        }.filter { $0.count == 2 }
        #expect(table.map { $0[0] } == Self.stated.map { "`\($0.field)`" })
        for (row, stated) in zip(table, Self.stated) { #expect(row[1] == stated.limit, "\(stated.field)") }
        #expect(Set(Self.stated.map(\.field)) == (try Self.fields()))
    }

    /// Names of all fields that a caller sets, read off the protocol's source.
    private static func fields() throws -> Set<String> {
        let source = try String(contentsOfFile: SharedData.proto, encoding: .utf8)
        let messages = [
            ("Begin", ""), ("Selection", "selection."), ("Chunk", "chunk."), ("CompressTextRequest", "compress_text."),
            ("CountTokensRequest", "count_tokens."), ("RecutRequest", "recut."),
        ]
        var names: Set<String> = []
        for (message, prefix) in messages {
            let body = try #require(source.components(separatedBy: "\nmessage \(message) {\n").last)
            for line in body.components(separatedBy: "\n}")[0].split(separator: "\n") {
                let words = line.split(separator: " ")
                guard let equals = words.firstIndex(of: "="), !line.contains("//") else { continue }
                let name = words[equals - 1]
                // Messages in messages: their fields have rows of their own.
                if name != "begin", name != "selection" { names.insert(prefix + name) }
            }
        }
        return names
    }

    private static func result<Value>(_ body: () async throws -> Value) async -> Result<Value, ServiceError> {
        do { return .success(try await body()) } catch { return .failure(ServiceError(any: error)) }
    }

    private static func words(_ count: Int) -> [String] { (0..<count).map { "w\($0)" } }

    private static func long(_ start: String, bytes: Int) -> String {
        start + String(repeating: ".", count: bytes - start.utf8.count)
    }

    /// So many words that are one token each.
    private static func tags(_ count: Int) -> [String] {
        guard let tokenizer = TestServer.tokenizer else { return [] }
        var tags: [String] = []
        for id in (0..<TokenID(tokenizer.vocabularySize)) where tags.count < count {
            guard let bytes = tokenizer.bytes(of: id), let text = String(validating: bytes, as: UTF8.self) else {
                continue
            }
            if (try? tokenizer.encode(bytes, specialTokens: .text).map(\.id)) == [id] { tags.append(text) }
        }
        return tags
    }

    private static func nested(_ depth: Int) -> String {
        String(repeating: "(", count: depth) + "a" + String(repeating: ")", count: depth)
    }
}
