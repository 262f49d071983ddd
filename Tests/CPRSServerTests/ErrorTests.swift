internal import CPRSCore
internal import CPRSEngine
internal import CPRSServer
internal import CPRSWire
internal import GRPCCore
internal import SwiftProtobuf
internal import Testing

@Suite struct ErrorTests {
    struct Refused: Sendable, CustomTestStringConvertible {
        var field: String
        var message: String
        var change: @Sendable (inout Cprs_V1_Begin) -> Void
        var testDescription: String { self.message }
    }

    @Test(
        "a field out of range is INVALID_ARGUMENT with its name, its range and its value",
        arguments: [
            Refused(field: "preset", message: "must be one of fact, needle") { $0.preset = "facts" },
            Refused(field: "query", message: "needs a question") { $0.query = "" },
            Refused(field: "query", message: "a window of 256 has room for at most 240") {
                $0.query = String(repeating: "Who sent the letter? ", count: 200)
            },
            Refused(field: "tags", message: "must differ") { $0.tags = ["fact", "fact"] },
            Refused(field: "tags", message: "must not hold an empty text") { $0.tags = [""] },
            Refused(field: "window_tokens", message: "must be in 16...4096 tokens (got 5000)") {
                $0.windowTokens = 5000
            },
            Refused(field: "selection.threshold", message: "must be in 0...1 (got 1.5)") {
                $0.selection.threshold = 1.5
            },
            Refused(field: "selection.threshold", message: "(got nan)") { $0.selection.threshold = .nan },
            Refused(field: "selection.max_tokens", message: "must be at least 1 (got 0)") {
                $0.selection.maxTokens = 0
            },
            Refused(field: "selection.ratio", message: "must be above 0 and at most 1 (got 2.0)") {
                $0.selection.ratio = 2
            },
            Refused(field: "selection.granularity", message: "(got 9)") { $0.selection.granularity = .UNRECOGNIZED(9) },
            Refused(field: "selection.keep_literals", message: "must not hold an empty text") {
                $0.selection.keepLiterals = ["a", ""]
            },
            Refused(field: "selection.keep_regexes", message: "a(") { $0.selection.keepRegexes = ["a("] },
            Refused(field: "selection.ratio", message: "no meaning with decoding REFERENCE") {
                $0.selection.decoding = .reference
                $0.selection.ratio = 0.5
            },
            Refused(field: "deadline_policy", message: "could exceed the budget") {
                $0.deadlinePolicy = .partial
                $0.deadlineMs = 5
                $0.selection.maxTokens = 5
            },
            Refused(field: "client_request_id", message: "at most 128 bytes (got 129)") {
                $0.clientRequestID = String(repeating: "x", count: 129)
            },
        ])
    func fields(refused: Refused) async throws {
        let error = try await self.failure(begin: .test(refused.change))
        #expect(error.reason == .invalidArgument)
        #expect(error.field == refused.field)
        #expect(error.message.contains(refused.message), "\(error.message)")
    }

    @Test("bytes that are not UTF-8 are INVALID_TEXT with their offset", arguments: [0, 70_000])
    func invalidText(offset: Int) async throws {
        var text = [UInt8](repeating: UInt8(ascii: "a"), count: 100_000)
        text[offset] = 0xFF
        let error = try await self.failure(text)
        #expect(error.reason == .invalidText && error.byteOffset == offset, "\(error)")
    }

    @Test("a method's error about its text names the field that brought it")
    func textField() async throws {
        try await TestServer.with(TestServer.service()) { client in
            func field(_ call: () async throws -> Void) async -> String? {
                do {
                    try await call()
                    return nil
                } catch { return ServiceError(any: error).field }
            }
            let bad: [UInt8] = [0xFF]
            #expect(
                await field {
                    _ = try await client.compressText(
                        .with {
                            $0.begin = .test()
                            $0.text = .init(wire: bad)
                        })
                } == "text")
            #expect(await field { _ = try await client.countTokens(.with { $0.text = .init(wire: bad) }) } == "text")
        }
        #expect(try await self.failure([0xFF]).field == "chunk.text")
    }

    @Test("an empty context is INVALID_TEXT")
    func empty() async throws {
        #expect(try await self.failure([]).reason == .invalidText)
    }

    @Test("a stream that does not start with begin, or has two, is INVALID_ARGUMENT")
    func protocolOrder() async throws {
        try await TestServer.with(TestServer.service()) { client in
            func reason(_ messages: [Cprs_V1_CompressRequest]) async -> ServiceError? {
                do {
                    _ = try await client.compress(
                        requestProducer: { try await $0.write(contentsOf: messages) },
                        onResponse: { try await Answer.collect($0.messages) })
                    return nil
                } catch { return ServiceError(any: error) }
            }
            let begin = Cprs_V1_CompressRequest.with { $0.begin = .test() }
            let chunk = Cprs_V1_CompressRequest.with { $0.chunk.text = .init(wire: "text".utf8) }
            #expect(await reason([])?.field == "begin")
            #expect(await reason([chunk])?.field == "begin")
            #expect(await reason([begin, chunk, begin])?.field == "chunk")
            #expect(await reason([begin, .init()])?.reason == .invalidArgument)
        }
    }

    @Test("force-keep beyond the budget is FAILED_PRECONDITION with the least budget that would do")
    func budgetTooSmall() async throws {
        let begin = Cprs_V1_Begin.test {
            $0.selection.maxTokens = 5
            $0.selection.keepLiterals = ["watermark"]
        }
        let error = try await self.failure(begin: begin)
        #expect(error.reason == .budgetTooSmall)
        let minimum = try #require(error.minimumTokens)
        let answer = try await TestServer.with(TestServer.service()) {
            try await $0.answer(
                Sample.mixed,
                .test {
                    $0.selection.maxTokens = UInt64(minimum)
                    $0.selection.keepLiterals = ["watermark"]
                })
        }
        #expect(answer.summary.keptTokens == UInt64(minimum))
    }

    @Test("a full scoring queue is RESOURCE_EXHAUSTED with a hint when to come back")
    func overloaded() async throws {
        let scoring = FakeScoring(failure: CPRSError(code: .overloaded, message: "64 windows wait"))
        let error = try await self.failure(scoring: scoring)
        #expect(error.reason == .overloaded && error.retryAfter != nil)
    }

    @Test("too many requests, of all users or of one, are RESOURCE_EXHAUSTED with a hint; others go on")
    func tooManyStreams() async throws {
        let service = try TestServer.service(FakeScoring(delay: .milliseconds(50))) {
            $0.maxStreams = 3
            $0.maxStreamsPerUser = 2
        }
        let errors = try await TestServer.with(service) { client in
            await withTaskGroup(of: ServiceError?.self) { group in
                for index in 0..<8 {
                    group.addTask {
                        let user: Metadata = [WireHeader.peerUserID: "\(index % 2)"]
                        do {
                            _ = try await client.answer(Array(Sample.mixed.prefix(5000)), metadata: user)
                            return nil
                        } catch { return ServiceError(any: error) }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
        }
        #expect(errors.filter { $0 == nil }.count == 3)
        #expect(errors.compactMap { $0 }.allSatisfy { $0.reason == .overloaded && $0.retryAfter != nil })
        #expect(service.gate.active == 0)
    }

    @Test("while draining, new requests are UNAVAILABLE with a hint and running ones end well")
    func draining() async throws {
        let service = try TestServer.service(FakeScoring(delay: .milliseconds(20)))
        try await TestServer.with(service) { client in
            async let running = client.answer(Array(Sample.mixed.prefix(9000)))
            while service.gate.active == 0 { await Task.yield() }
            service.gate.beginDraining()
            let error = await #expect(throws: ServiceError.self) { try await client.answer(Sample.mixed) }
            #expect(error?.reason == .draining && error?.retryAfter != nil)
            let answer = try await running
            #expect(answer.summary.windows > 0)
            await service.gate.drained()
        }
    }

    @Test("the observer hears of every call: refused, failed, finished, or answered without a compression")
    func observed() async throws {
        let events = EventLog()
        let service = try TestServer.service(observer: events)
        try await TestServer.with(service) { client in
            _ = try? await client.answer(Sample.mixed, .test { $0.preset = "facts" })
            _ = try? await client.answer([0xFF])
            _ = try await client.answer(Sample.mixed, .test { $0.clientRequestID = "mine" })
            _ = try? await client.compressText(.init())
            _ = try? await client.recutAnswer(.with { $0.requestID = "none" })
            _ = try await client.countTokens(.with { $0.text = .init(wire: "one".utf8) })
            _ = try? await client.countTokens(.with { $0.text = .init(wire: [0xFF] as [UInt8]) })
            service.gate.beginDraining()
            _ = try? await client.answer(Sample.mixed)
        }
        #expect(
            events.ends == [
                "Compress: refused, INVALID_ARGUMENT", "Compress: failed, INVALID_TEXT", "Compress: finished mine",
                "CompressText: refused, INVALID_ARGUMENT", "Recut: refused, NOT_FOUND", "CountTokens: answered",
                "CountTokens: failed, INVALID_TEXT", "Compress: refused, DRAINING",
            ])
    }

    @Test("an answer of CompressText that is longer than a message is RESOURCE_EXHAUSTED, and says how to get it")
    func longAnswer() async throws {
        // Every sentence is a span of its own, and each costs more than its text.
        let text = Array(String(repeating: "No. ", count: 5000).utf8)
        let request = Cprs_V1_CompressTextRequest.with {
            $0.begin = .test { $0.selection.threshold = 0 }
            $0.text = .init(wire: text)
        }
        let service = try TestServer.service { $0.maxMessageBytes = 1 << 15 }
        let error = try await TestServer.with(service) { client in
            try #require(await #expect(throws: RPCError.self) { try await client.compressText(request) })
        }
        let reason = ServiceError(error)
        #expect(reason.reason == .contextTooLarge && reason.limit == 1 << 15 && reason.message.contains("use Compress"))
    }

    @Test("a context beyond the limit is RESOURCE_EXHAUSTED with the limit")
    func contextTooLarge() async throws {
        let service = try TestServer.service { $0.maxContextBytes = 10_000 }
        let error = try await self.failure(service: service)
        #expect(error.reason == .contextTooLarge && error.limit == 10_000)
    }

    @Test("include_text with a budget beyond what the server holds fails; without it only the kept digest is missing")
    func heldText() async throws {
        let service = try TestServer.service { $0.maxHeldBytes = 10_000 }
        let error = try await self.failure(
            begin: .test {
                $0.selection.maxTokens = 50
                $0.includeText = true
            }, service: service)
        #expect(error.reason == .contextTooLarge && error.field == "include_text")
        let answer = try await TestServer.with(TestServer.service { $0.maxHeldBytes = 10_000 }) {
            try await $0.answer(Sample.mixed, .test { $0.selection.maxTokens = 50 })
        }
        #expect(answer.summary.keptSha256.isEmpty && answer.summary.inputSha256.count == 32)
    }

    @Test("after the deadline the call fails, or everything that is not decided yet is kept and flagged")
    func deadline() async throws {
        let slow = FakeScoring(delay: .milliseconds(20))
        let fail = Cprs_V1_Begin.test { $0.deadlineMs = 50 }
        #expect(try await self.failure(begin: fail, scoring: slow).reason == .deadlineExceeded)
        let partial = Cprs_V1_Begin.test {
            $0.deadlineMs = 800
            $0.deadlinePolicy = .partial
        }
        let answer = try await TestServer.with(TestServer.service(slow) { $0.maxWindowsInFlight = 1 }) {
            try await $0.answer(Sample.mixed, partial, chunks: [5000])
        }
        let unscored = answer.kept.filter(\.unscored)
        let start = try #require(unscored.first?.start)
        #expect(start > 0 && unscored.last?.end == UInt64(Sample.mixed.count))
        for (left, right) in zip(unscored, unscored.dropFirst()) { #expect(left.end == right.start) }
        #expect(answer.summary.unscoredBytes == UInt64(Sample.mixed.count) - start)
        let decided = answer.kept.filter { !$0.unscored }.map(\.bytes)
        #expect(decided == (try Direct(Sample.mixed)).kept.map(\.bytes).filter { $0.upperBound <= Int(start) })
        let kept = answer.kept.flatMap { Sample.mixed[$0.bytes] }
        #expect([UInt8](wire: answer.summary.keptSha256) == CompressTests.sha256(kept))
    }

    private func failure(
        _ text: [UInt8] = Sample.mixed, begin: Cprs_V1_Begin = .test(), scoring: FakeScoring = FakeScoring(),
        service: CompressService? = nil
    ) async throws -> ServiceError {
        let service = try service ?? TestServer.service(scoring)
        return try await TestServer.with(service) { client in
            try #require(await #expect(throws: ServiceError.self) { try await client.answer(text, begin) })
        }
    }
}
