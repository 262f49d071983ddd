internal import CPRSClient
internal import CPRSCore
internal import CPRSServer
internal import CPRSTestSupport
internal import CPRSTokenizer
internal import Glibc
internal import Synchronization
internal import Testing

@Suite struct ClientTests {
    static let text = String(
        repeating: "Mr. Holmes looked at the letter. The paper was thick. Who sent it? 合同自三月起生效。\n", count: 300)
    let request = CompressionRequest(query: "Who sent the letter?")

    @Test("decisions come in order, and together with what they omit they cover the text")
    func decisions() async throws {
        try await Daemon.with { daemon in
            let client = CPRSClient(daemon.configuration)
            let compression = client.compress(Self.text, self.request)
            var final = 0
            var kept: [UInt8] = []
            for try await decision in compression {
                #expect(decision.finalBytes >= final)
                final = decision.finalBytes
                for span in decision.kept { kept += Array(Self.text.utf8)[span.bytes] }
            }
            #expect(final == Self.text.utf8.count)
            let summary = try #require(compression.summary)
            #expect(summary.keptBytes == kept.count && summary.keptSpans > 0)
            #expect(summary.matches(input: Array(Self.text.utf8), kept: kept))
            #expect(!summary.matches(input: Array(Self.text.utf8), kept: kept + [0]))
            #expect(compression.acceptance?.model.name == "fake")
        }
    }

    @Test("a stream of chunks gives what the whole text gives, and is read only as fast as the daemon reads")
    func chunks() async throws {
        try await Daemon.with { daemon in
            let client = CPRSClient(daemon.configuration)
            let bytes = Array(Self.text.utf8)
            let pieces = stride(from: 0, to: bytes.count, by: 701).map { Array(bytes[$0..<min($0 + 701, bytes.count)]) }
            let source = AsyncStream { continuation in
                for piece in pieces { continuation.yield(piece) }
                continuation.finish()
            }
            var spans: [KeptSpan] = []
            for try await decision in client.compress(chunks: source, self.request) { spans += decision.kept }
            #expect(spans == (try await client.compressed(Self.text, self.request)).spans)
        }
    }

    @Test("the kept text and the omitted ranges together are the input")
    func omissions() async throws {
        try await Daemon.with { daemon in
            let result = try await CPRSClient(daemon.configuration).compressed(Self.text, self.request)
            let bytes = Array(Self.text.utf8)
            let pieces = (result.spans.map(\.bytes) + result.omitted).sorted { $0.lowerBound < $1.lowerBound }
            #expect(pieces.flatMap { bytes[$0] } == bytes)
            #expect(Array(result.text.utf8) == result.spans.flatMap { bytes[$0.bytes] })
        }
    }

    @Test("ending the loop early frees the daemon")
    func earlyEnd() async throws {
        try await Daemon.with(delay: .milliseconds(20)) { daemon in
            let client = CPRSClient(daemon.configuration)
            for try await decision in client.compress(Self.text, self.request) where decision.finalBytes > 0 { break }
            try await daemon.waitUntilIdle()
            #expect(daemon.scoring.windows < 20)
        }
    }

    @Test("cancelling the task that loops frees the daemon and throws")
    func cancel() async throws {
        try await Daemon.with(delay: .milliseconds(20)) { daemon in
            let client = CPRSClient(daemon.configuration)
            let task = Task {
                var count = 0
                for try await _ in client.compress(Self.text, self.request) { count += 1 }
                return count
            }
            while daemon.scoring.windows < 2 { try await Task.sleep(for: .milliseconds(1)) }
            task.cancel()
            let error = await #expect(throws: ClientError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            try await daemon.waitUntilIdle()
        }
    }

    @Test("errors arrive with their field")
    func errors() async throws {
        try await Daemon.with { daemon in
            let client = CPRSClient(daemon.configuration)
            var request = self.request
            request.selection.threshold = 7
            let bad = request
            let error = await #expect(throws: ClientError.self) { try await client.compressed(Self.text, bad) }
            #expect(error?.code == .invalidArgument && error?.field == "selection.threshold")
            let unknown = await #expect(throws: ClientError.self) {
                for try await _ in client.recut("none", selection: Selection()) {}
            }
            #expect(unknown?.code == .notFound)
        }
    }

    @Test("a recut gives what a fresh request gives; the model and token counts are told")
    func recut() async throws {
        try await Daemon.with { daemon in
            let client = CPRSClient(daemon.configuration)
            var request = self.request
            request.retainsScores = true
            let first = client.compress(Self.text, request)
            for try await _ in first {}
            var selection = Selection()
            selection.budget = .maxTokens(100)
            var spans: [KeptSpan] = []
            let recut = client.recut(try #require(first.acceptance).requestID, selection: selection)
            for try await decision in recut { spans += decision.kept }
            var fresh = self.request
            fresh.selection = selection
            #expect(spans == (try await client.compressed(Self.text, fresh)).spans)
            #expect(try await client.modelInfo().name == "fake")
            #expect(try await client.countTokens(Self.text) == first.summary?.inputTokens)
        }
    }

    @Test("without a daemon the text comes back unchanged and says so")
    func away() async {
        var configuration = ClientConfiguration(socketPath: "/tmp/cprs-no-such-daemon.sock")
        configuration.attempts = 2
        let client = CPRSClient(configuration)
        let outcome = await client.compressedOrUnchanged(Self.text, self.request, timeout: .seconds(300))
        #expect(outcome.text == Self.text)
        #expect(outcome.reason?.code == .unavailable, "\(String(describing: outcome.reason))")
    }

    @Test("a daemon that is reached but does not speak is away after the time to connect")
    func silent() async throws {
        try await TemporaryFolder.with { folder in
            // It listens and never accepts, as one that hangs.
            let socket = try ListeningSocket.open(path: folder + "/silent.sock")
            let client = CPRSClient(
                ClientConfiguration(
                    socketPath: folder + "/silent.sock", attempts: 1, connectTimeout: .milliseconds(100)))
            let error = await #expect(throws: ClientError.self) { try await client.countTokens("text") }
            #expect(error?.code == .unavailable, "\(String(describing: error))")
            let call = await #expect(throws: ClientError.self) {
                for try await _ in client.compress(Self.text, self.request) {}
            }
            #expect(call?.code == .unavailable, "\(String(describing: call))")
            Glibc.close(socket.descriptor)
        }
    }

    @Test("a user who may not connect is told so at once, in one attempt")
    func refused() async throws {
        try await Daemon.with(access: AccessRule(userIDs: [getuid() + 1])) { daemon in
            var configuration = daemon.configuration
            configuration.attempts = 1
            // Longer than the test may take: it is the refusal that ends the call.
            configuration.connectTimeout = .seconds(600)
            for _ in 0..<20 {
                let client = CPRSClient(configuration)
                let error = await #expect(throws: ClientError.self) { try await client.countTokens("text") }
                #expect(error?.code == .unavailable, "\(String(describing: error))")
            }
        }
    }

    @Test("the status says what runs and what ran")
    func status() async throws {
        try await Daemon.with { daemon in
            let client = CPRSClient(daemon.configuration)
            _ = try await client.compressed(Self.text, self.request)
            let status = try await client.status()
            #expect(status.isServing && status.model.name == "fake" && status.uptime > .zero)
            #expect(status.activeRequests == 0 && status.admittedRequests == 1 && status.maxRequests == 128)
        }
    }

    @Test("a late daemon costs the timeout; the text comes back unchanged")
    func late() async throws {
        try await Daemon.with(delay: .seconds(30)) { daemon in
            let client = CPRSClient(daemon.configuration)
            let outcome = await client.compressedOrUnchanged(Self.text, self.request, timeout: .milliseconds(200))
            #expect(outcome.reason?.code == .deadlineExceeded && outcome.text == Self.text)
            try await daemon.waitUntilIdle()
        }
    }

    @Test("a client survives a restart of the daemon")
    func reconnect() async throws {
        try await TemporaryFolder.with { folder in
            let path = folder + "/cprsd.sock"
            let client = CPRSClient(ClientConfiguration(socketPath: path, attempts: 20))
            for _ in 0..<2 {
                try await Daemon.with(path: path) { _ in
                    let name = try await client.modelInfo().name
                    #expect(name == "fake")
                }
            }
        }
    }

    @Test("pauses between attempts stop growing at the longest one")
    func pauses() async {
        let client = CPRSClient(
            ClientConfiguration(
                socketPath: "/tmp/cprs-no-such-daemon.sock", attempts: 18, retryDelay: .milliseconds(1),
                maxReconnectDelay: .milliseconds(2)))
        let started = ContinuousClock.now
        await #expect(throws: ClientError.self) { try await client.countTokens("text") }
        // Doubling all the way would take two minutes.
        #expect(ContinuousClock.now - started < .seconds(60))
    }

    @Test("a closed client says so")
    func closed() async {
        let client = CPRSClient(ClientConfiguration(socketPath: "/tmp/cprs-no-such-daemon.sock", attempts: 1))
        client.close()
        let error = await #expect(throws: ClientError.self) { try await client.modelInfo() }
        #expect(error?.code == .unavailable)
    }
}
