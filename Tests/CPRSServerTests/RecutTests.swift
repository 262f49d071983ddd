internal import CPRSCore
internal import CPRSEngine
internal import CPRSServer
internal import CPRSWire
internal import GRPCCore
internal import SwiftProtobuf
internal import Testing

@Suite struct RecutTests {
    struct Cut: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var change: @Sendable (inout Cprs_V1_Selection) -> Void
    }

    static let retained = Cprs_V1_Begin.test { $0.retainScores = true }

    @Test(
        "a recut equals a fresh request, and scores nothing",
        arguments: [
            Cut(testDescription: "threshold") { $0.threshold = 0.52 },
            Cut(testDescription: "budget") { $0.maxTokens = 300 },
            Cut(testDescription: "lines") { $0.granularity = .line },
            Cut(testDescription: "tokens") { $0.granularity = .token },
            Cut(testDescription: "force-keep") { $0.keepLiterals = ["watermark"] },
            Cut(testDescription: "reference") { $0.decoding = .reference },
            Cut(testDescription: "without word matching") { $0.matchWords = false },
        ])
    func equal(cut: Cut) async throws {
        let scoring = FakeScoring()
        try await TestServer.with(TestServer.service(scoring)) { client in
            let first = try await client.answer(Sample.mixed, Self.retained, chunks: [999])
            #expect(first.summary.recutSeconds > 0)
            let fresh = try await client.answer(Sample.mixed, .test { cut.change(&$0.selection) })
            let scored = scoring.windows
            let recut = try await client.recutAnswer(
                .with {
                    $0.requestID = first.accepted.requestID
                    cut.change(&$0.selection)
                    $0.includeText = true
                })
            #expect(scoring.windows == scored)
            #expect(!recut.kept.isEmpty)
            #expect(recut.kept.map(\.bytes) == fresh.kept.map(\.bytes))
            #expect(recut.kept.map(\.score) == fresh.kept.map(\.score))
            #expect(recut.summary.inputSha256 == fresh.summary.inputSha256)
            #expect(recut.summary.keptSha256 == fresh.summary.keptSha256)
            for span in recut.kept { #expect([UInt8](wire: span.text) == Array(Sample.mixed[span.bytes])) }
        }
    }

    @Test("whether the question's words count is asked for, and is the preset's else", arguments: [true, false])
    func matchWords(isOn: Bool) async throws {
        let expected = try Direct(Sample.mixed) { $0.matchesWords = isOn }
        try await TestServer.with(TestServer.service()) { client in
            let asked = try await client.answer(Sample.mixed, .test { $0.selection.matchWords = isOn })
            #expect(asked.kept.map(\.bytes) == expected.kept.map(\.bytes))
            #expect(asked.kept.map(\.score) == expected.kept.map(\.score))
            let fact = try await client.answer(Sample.mixed)
            #expect((fact.kept.map(\.score) == expected.kept.map(\.score)) == isOn)
        }
    }

    @Test("a request that did not ask for it is not retained")
    func optIn() async throws {
        let service = try TestServer.service()
        try await TestServer.with(service) { client in
            let first = try await client.answer(Sample.mixed)
            #expect(first.summary.recutSeconds == 0 && service.retainedBytes == 0)
            let error = await #expect(throws: ServiceError.self) {
                try await client.recutAnswer(.with { $0.requestID = first.accepted.requestID })
            }
            #expect(error?.reason == .notFound)
        }
    }

    @Test("another user's scores do not exist")
    func owner() async throws {
        try await TestServer.with(TestServer.service()) { client in
            let mine: Metadata = [WireHeader.peerUserID: "1000"]
            let first = try await client.answer(Sample.mixed, Self.retained, metadata: mine)
            let request = Cprs_V1_RecutRequest.with { $0.requestID = first.accepted.requestID }
            let error = await #expect(throws: ServiceError.self) {
                try await client.recutAnswer(request, metadata: [WireHeader.peerUserID: "1001"])
            }
            #expect(error?.reason == .notFound)
            let nobodys = String(repeating: "0", count: 32)
            let unknown = await #expect(throws: ServiceError.self) {
                try await client.recutAnswer(
                    .with { $0.requestID = nobodys }, metadata: [WireHeader.peerUserID: "1001"])
            }
            // Not even whether it exists is said.
            #expect(unknown?.message.replacing(nobodys, with: request.requestID) == error?.message)
            #expect(try await client.recutAnswer(request, metadata: mine).kept.map(\.bytes) == first.kept.map(\.bytes))
        }
    }

    @Test("scores whose time is over are EXPIRED, and their memory is free")
    func expiry() async throws {
        let service = try TestServer.service { $0.retention = .milliseconds(100) }
        try await TestServer.with(service) { client in
            let first = try await client.answer(Sample.mixed, Self.retained)
            #expect(service.retainedBytes > Sample.mixed.count)
            try await Task.sleep(for: .milliseconds(150))
            let error = await #expect(throws: ServiceError.self) {
                try await client.recutAnswer(.with { $0.requestID = first.accepted.requestID })
            }
            #expect(error?.reason == .expired)
            #expect(service.retainedBytes == 0)
        }
    }

    @Test("the memory for scores is bounded: older ones make room, and one too large is not retained")
    func bounded() async throws {
        let service = try TestServer.service { $0.maxRetainedBytes = 1_000_000 }
        try await TestServer.with(service) { client in
            var ids: [String] = []
            for _ in 0..<6 {
                ids.append(try await client.answer(Sample.mixed, Self.retained).accepted.requestID)
                #expect(service.retainedBytes <= 1_000_000)
            }
            #expect(service.retainedBytes > 0)
            let first = ids[0]
            let error = await #expect(throws: ServiceError.self) {
                try await client.recutAnswer(.with { $0.requestID = first })
            }
            #expect(error?.reason == .expired)
            let large = Array(repeatElement(Sample.mixed, count: 4).joined())
            #expect(try await client.answer(large, Self.retained).summary.recutSeconds == 0)
        }
    }
}
