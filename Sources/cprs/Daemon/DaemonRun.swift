internal import CPRSClient
internal import CPRSCore
internal import CPRSEngine

/// Drives one compression in the daemon: source -> socket -> output.
///
/// The calling thread reads the source, which may block; a task sends and prints.
struct DaemonRun {
    private let client: CPRSClient
    private let request: DaemonRequest
    private let source: ContextSource

    init(socketPath: String, request: DaemonRequest, source: ContextSource) {
        // The source can be read once only, so a second attempt would not be the library's to make.
        self.client = CPRSClient(ClientConfiguration(socketPath: socketPath, attempts: 1))
        self.request = request
        self.source = source
    }

    /// Runs to the end of the source.
    ///
    /// - Throws: `ClientError` if the daemon is away or refuses; `CPRSError` for the source.
    func execute(_ output: ResultOutput) throws -> CompressionSummary {
        let feed = ChunkFeed()
        let (client, request) = (self.client, self.request)
        let receiving = Blocking {
            defer { feed.stop() }
            return try await Self.receive(
                client.compress(chunks: feed, request, onAcceptance: { _ in feed.open() }), output)
        }
        do {
            while feed.waitForRoom(), let chunk = try self.source.next() { feed.send(chunk) }
            try self.source.checkUnchanged()
        } catch {
            receiving.cancel()
            _ = try? receiving.wait()
            throw error
        }
        feed.finish()
        defer { self.client.close() }
        return try receiving.wait()
    }

    private static func receive(_ compression: Compression, _ output: ResultOutput) async throws -> CompressionSummary {
        for try await decision in compression {
            output.model = compression.acceptance.map { .init(name: $0.model.name, sha256: $0.model.sha256) }
            try output.take(decision.engineSpans, finalBytes: decision.finalBytes)
        }
        guard let accepted = compression.acceptance, let summary = compression.summary else {
            throw ClientError(code: .internal, message: "the daemon ended the call without a summary")
        }
        output.model = .init(name: accepted.model.name, sha256: accepted.model.sha256)
        if let digest = output.inputSHA256, digest != summary.inputSHA256 {
            throw ClientError(code: .internal, message: "the daemon read another text than was sent to it")
        }
        return CompressionSummary(summary, promptTokens: accepted.promptTokens)
    }
}
