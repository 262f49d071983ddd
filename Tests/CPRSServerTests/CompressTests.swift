internal import CPRSCore
internal import CPRSDigest
internal import CPRSEngine
internal import CPRSSegmentation
internal import CPRSServer
internal import CPRSWire
internal import GRPCCore
internal import SwiftProtobuf
internal import Testing

@Suite struct CompressTests {
    let text = Sample.mixed

    @Test(
        "any chunking of the upload gives the engine's own answer",
        arguments: [[1 << 20], [1000, 1, 70_000], [313]], Granularity.allCases)
    func chunking(chunks: [Int], granularity: Granularity) async throws {
        let direct = try Direct(self.text) {
            $0.granularity = granularity
            $0.keepRegexes = ["disk 1\\d"]
        }
        let begin = Cprs_V1_Begin.test {
            $0.selection.granularity = granularity.message
            $0.selection.keepRegexes = ["disk 1\\d"]
        }
        let answer = try await TestServer.with(TestServer.service()) {
            try await $0.answer(self.text, begin, chunks: chunks)
        }
        #expect(!direct.kept.isEmpty)
        #expect(answer.kept.map(\.bytes) == direct.kept.map(\.bytes))
        #expect(answer.kept.map(\.score) == direct.kept.map(\.score))
        #expect(answer.kept.map(\.forced) == direct.kept.map(\.forced))
        #expect(answer.summary.keptTokens == UInt64(direct.summary.keptTokens))
        #expect(answer.summary.inputTokens == UInt64(direct.summary.contextTokens))
        #expect(answer.summary.windows == UInt64(direct.summary.windows))
    }

    @Test("one byte at a time gives the engine's own answer")
    func bytewise() async throws {
        let text = Array(self.text.prefix(3000))
        let answer = try await TestServer.with(TestServer.service()) { try await $0.answer(text, chunks: [1]) }
        #expect(answer.kept.map(\.bytes) == (try Direct(text)).kept.map(\.bytes))
    }

    @Test("first comes the acceptance, then decisions, then the summary; the watermark only grows and ends at the end")
    func order() async throws {
        let answer = try await TestServer.with(TestServer.service()) { try await $0.answer(self.text, chunks: [500]) }
        #expect(answer.order.first == "a" && answer.order.last == "s")
        #expect(answer.order.dropFirst().dropLast().allSatisfy { $0 == "d" })
        #expect(answer.decisions.count > 10)
        var final: UInt64 = 0
        for decisions in answer.decisions {
            #expect(decisions.finalBytes >= final)
            #expect(decisions.kept.allSatisfy { $0.start >= final && $0.end <= decisions.finalBytes })
            final = decisions.finalBytes
        }
        #expect(final == UInt64(self.text.count))
        #expect(answer.accepted.model.name == "fake")
        #expect(answer.accepted.windowTokens == 256)
        #expect(answer.accepted.promptTokens > 0)
        #expect(answer.accepted.requestID.count == 32)
    }

    @Test("the first decision arrives before the upload ends")
    func streaming() async throws {
        try await TestServer.with(TestServer.service()) { client in
            let (decided, signal) = AsyncStream.makeStream(of: Void.self)
            let answer = try await client.compress(
                requestProducer: { writer in
                    try await writer.write(.with { $0.begin = .test() })
                    try await writer.write(.with { $0.chunk.text = .init(wire: self.text.prefix(4000)) })
                    // The rest is sent only when a decision about the start has come back.
                    for await _ in decided { break }
                    try await writer.write(.with { $0.chunk.text = .init(wire: self.text.dropFirst(4000)) })
                },
                onResponse: { response in
                    var answer = Answer()
                    for try await message in response.messages {
                        answer.take(message)
                        if case .decisions? = message.part { signal.yield() }
                    }
                    return answer
                })
            #expect(answer.kept.map(\.bytes) == (try Direct(self.text)).kept.map(\.bytes))
        }
    }

    @Test("the receipt holds the digests of the input and of what was kept", arguments: [false, true])
    func receipt(budget: Bool) async throws {
        let begin = Cprs_V1_Begin.test {
            if budget { $0.selection.ratio = 0.2 }
            $0.includeText = true
        }
        let answer = try await TestServer.with(TestServer.service()) {
            try await $0.answer(self.text, begin, chunks: [777])
        }
        #expect([UInt8](wire: answer.summary.inputSha256) == Self.sha256(self.text))
        let kept = answer.kept.flatMap { self.text[$0.bytes] }
        #expect(!kept.isEmpty)
        #expect([UInt8](wire: answer.summary.keptSha256) == Self.sha256(kept))
        #expect(answer.summary.keptBytes == UInt64(kept.count))
        for span in answer.kept { #expect([UInt8](wire: span.text) == Array(self.text[span.bytes])) }
    }

    @Test("spans name their document and where it starts")
    func documents() async throws {
        let parts = [("one", Sample.prose), ("two", Sample.log), ("three", Sample.prose)]
        let answer = try await TestServer.with(TestServer.service()) { client in
            try await client.compress(
                requestProducer: { writer in
                    try await writer.write(.with { $0.begin = .test { $0.selection.threshold = 0 } })
                    for (id, text) in parts {
                        for (index, half) in [text.utf8.prefix(100), text.utf8.dropFirst(100)].enumerated() {
                            try await writer.write(
                                .with {
                                    $0.chunk.text = .init(wire: half)
                                    // An empty id goes on with the document before.
                                    $0.chunk.documentID = index == 0 ? id : ""
                                })
                        }
                    }
                }, onResponse: { try await Answer.collect($0.messages) })
        }
        var start = 0
        for (id, text) in parts {
            let end = start + text.utf8.count
            let spans = answer.kept.filter { start..<end ~= Int($0.start) }
            #expect(!spans.isEmpty)
            #expect(spans.allSatisfy { $0.documentID == id && $0.documentStart == start })
            start = end
        }
    }

    @Test("a budget keeps the engine's selection, and previews come before it if asked for")
    func budget() async throws {
        let direct = try Direct(self.text) { $0.budget = .maxTokens(200) }
        let plain = Cprs_V1_Begin.test { $0.selection.maxTokens = 200 }
        let preview = Cprs_V1_Begin.test {
            $0.selection.maxTokens = 200
            $0.includeProvisional = true
        }
        try await TestServer.with(TestServer.service()) { client in
            let answer = try await client.answer(self.text, plain)
            #expect(answer.order == "ads")
            #expect(answer.kept.map(\.bytes) == direct.kept.map(\.bytes))
            let previewed = try await client.answer(self.text, preview, chunks: [3000])
            #expect(previewed.order.hasPrefix("app") && previewed.order.hasSuffix("ds"))
            #expect(previewed.kept.map(\.bytes) == direct.kept.map(\.bytes))
            let threshold = try Direct(self.text).kept.map(\.bytes)
            #expect(previewed.decisions.filter(\.provisional).flatMap(\.kept).map(\.bytes) == threshold)
            #expect(previewed.decisions.filter(\.provisional).allSatisfy { $0.finalBytes == 0 })
        }
    }

    @Test("token scores cover every byte of the input once, in order")
    func tokenScores() async throws {
        let begin = Cprs_V1_Begin.test { $0.includeTokenScores = true }
        let answer = try await TestServer.with(TestServer.service()) { try await $0.answer(self.text, begin) }
        var tokens = 0
        for scores in answer.decisions.compactMap({ $0.hasTokenScores ? $0.tokenScores : nil }) {
            #expect(scores.lengths.count == scores.scores.count && scores.lengths.count == scores.labels.count)
            tokens += scores.lengths.count
        }
        #expect(tokens == Int(answer.summary.inputTokens))
        #expect(answer.decisions.first?.tokenScores.start == 0)
    }

    @Test("CompressText answers with the kept bytes, one span after the other")
    func unary() async throws {
        let direct = try Direct(self.text)
        let request = Cprs_V1_CompressTextRequest.with {
            $0.begin = .test()
            $0.text = .init(wire: self.text)
        }
        let response = try await TestServer.with(TestServer.service()) { try await $0.compressText(request) }
        #expect([UInt8](wire: response.text) == direct.kept.flatMap { self.text[$0.bytes] })
        #expect(response.kept.map(\.bytes) == direct.kept.map(\.bytes))
        #expect(response.kept.allSatisfy { $0.text.isEmpty })
        #expect(response.summary.keptSpans == UInt64(direct.kept.count))
    }

    @Test("CountTokens counts what a request counts, and GetModelInfo says what is served")
    func figures() async throws {
        try await TestServer.with(TestServer.service()) { client in
            let count = try await client.countTokens(.with { $0.text = .init(wire: self.text) })
            #expect(count.tokens == UInt64(try Direct(self.text).summary.contextTokens))
            let info = try await client.getModelInfo(.init())
            #expect(info.model.name == "fake" && info.model.maxWindowTokens == 4096)
            #expect(info.presets.map(\.name) == Preset.all.map(\.name))
            #expect(info.limits.maxStreams == UInt32(ServiceLimits.defaults.maxStreams))
        }
    }

    @Test("a span longer than a message comes in pieces that touch and hold whole characters")
    func longSpans() async throws {
        let text = Array(String(repeating: "界", count: 300_000).utf8)
        let begin = Cprs_V1_Begin.test {
            $0.selection.threshold = 0
            $0.selection.granularity = .paragraph
            $0.includeText = true
        }
        let answer = try await TestServer.with(TestServer.service()) { try await $0.answer(text, begin) }
        #expect(answer.kept.count > 1)
        #expect(answer.kept.flatMap { [UInt8](wire: $0.text) } == text)
        #expect(answer.kept.allSatisfy { String(validating: [UInt8](wire: $0.text), as: UTF8.self) != nil })
        #expect(answer.kept.dropFirst().allSatisfy { $0.tokens == 0 })
        #expect(answer.kept.first?.tokens == answer.summary.keptTokens)
    }

    @Test("windows of one request are in flight together, but never more than the limit")
    func windowsInFlight() async throws {
        let scoring = FakeScoring(delay: .milliseconds(2))
        _ = try await TestServer.with(TestServer.service(scoring) { $0.maxWindowsInFlight = 3 }) {
            try await $0.answer(self.text)
        }
        #expect(scoring.mostRunning == 3)
    }

    static func sha256(_ bytes: [UInt8]) -> [UInt8] {
        var digest = SHA256Digest()
        digest.update(bytes)
        return digest.finalized()
    }
}

extension Granularity {
    var message: Cprs_V1_Granularity {
        switch self {
        case .token: .token
        case .word: .word
        case .sentence: .sentence
        case .line: .line
        case .paragraph: .paragraph
        case .record: .record
        }
    }
}
