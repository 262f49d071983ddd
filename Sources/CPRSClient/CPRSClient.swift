internal import CPRSCore
internal import CPRSWire
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import SwiftProtobuf

/// A connection to the daemon: opened at the first call, opened again when it breaks, shared by all calls.
///
/// ```swift
/// let client = CPRSClient()
/// for try await decision in client.compress(text, CompressionRequest(query: "Who signed?")) {
///     for span in decision.kept { print(span.bytes, span.score) }
/// }
/// ```
public final class CPRSClient: Sendable {
    /// Where the daemon is.
    public let configuration: ClientConfiguration
    let connection: Connection

    /// Creates a client; connects to nothing yet.
    public init(_ configuration: ClientConfiguration = ClientConfiguration()) {
        self.configuration = configuration
        self.connection = Connection(configuration)
    }

    deinit { self.connection.close() }

    /// Closes the connection once its calls have ended. A client that goes away does so by itself.
    public func close() { self.connection.close() }
}

extension CPRSClient {
    /// Compresses a context that arrives in pieces; decisions come while later pieces are still to be sent.
    ///
    /// - Parameters:
    ///   - chunks: UTF-8, cut anywhere. The next one is asked for when the daemon is ready for it.
    ///   - onAcceptance: called when the daemon has taken the request, for a caller who does not want to read a source
    ///     that nobody may ask for.
    public func compress<Chunks: AsyncSequence & Sendable>(
        chunks: Chunks, _ request: CompressionRequest, onAcceptance: (@Sendable (Acceptance) -> Void)? = nil
    ) -> Compression where Chunks.Element == [UInt8] {
        self.compress(request, onAcceptance: onAcceptance) { writer in
            for try await chunk in chunks { try await writer.write(chunk, documentID: "") }
        }
    }

    /// Compresses a context that is at hand.
    public func compress(_ text: String, _ request: CompressionRequest) -> Compression {
        let bytes = Array(text.utf8)
        return self.compress(request) { writer in try await writer.write(bytes, documentID: "") }
    }

    /// Compresses several documents as one context; spans say which document they lie in.
    ///
    /// End each document with a newline, so that no sentence runs into the next one.
    public func compress(documents: [(id: String, text: String)], _ request: CompressionRequest) -> Compression {
        self.compress(request) { writer in
            for document in documents { try await writer.write(Array(document.text.utf8), documentID: document.id) }
        }
    }

    /// Selects again from a finished request's scores, without a forward pass.
    ///
    /// - Parameters:
    ///   - requestID: of the ``Acceptance`` of a request with `retainsScores`.
    ///   - selection: replaces that request's as a whole.
    public func recut(_ requestID: String, selection: Selection, includesText: Bool = false) -> Compression {
        let message = Cprs_V1_RecutRequest.with {
            $0.requestID = requestID
            $0.selection = selection.wire
            $0.includeText = includesText
        }
        return Compression { receive in
            try await self.connection.stub().recut(message) { try await receive($0.messages) }
        }
    }

    /// Tokens of a text, as budgets count them.
    public func countTokens(_ text: String) async throws(ClientError) -> Int {
        let message = Cprs_V1_CountTokensRequest.with { $0.text = .init(wire: text.utf8) }
        return try await self.retrying {
            Int(clamping: try await self.connection.stub().countTokens(message).tokens)
        }
    }

    /// The model that the daemon runs.
    public func modelInfo() async throws(ClientError) -> ModelInfo {
        try await self.retrying { ModelInfo(try await self.connection.stub().getModelInfo(.init()).model) }
    }

    /// How busy the daemon is; one attempt, because the answer to a second one is another.
    public func status() async throws(ClientError) -> DaemonStatus {
        do { return DaemonStatus(try await self.connection.stub().getStatus(.init())) } catch {
            throw ClientError(any: error)
        }
    }

    private func compress(
        _ request: CompressionRequest, onAcceptance: (@Sendable (Acceptance) -> Void)? = nil,
        upload: @escaping @Sendable (ChunkWriter) async throws -> Void
    ) -> Compression {
        let begin = request.wire
        return Compression(onAcceptance: onAcceptance) { receive in
            try await self.connection.stub().compress(
                requestProducer: { writer in
                    try await writer.write(.with { $0.begin = begin })
                    try await upload(ChunkWriter(writer))
                }, onResponse: { try await receive($0.messages) })
        }
    }

    /// Runs a call again while the daemon is away or busy.
    func retrying<Result: Sendable>(
        _ call: @Sendable () async throws -> Result
    ) async throws(ClientError) -> Result {
        var delay = self.configuration.retryDelay
        var attempt = 1
        while true {
            do { return try await call() } catch {
                let error = ClientError(any: error)
                guard error.isTransient, attempt < self.configuration.attempts, !Task.isCancelled else { throw error }
                try? await Task.sleep(for: max(delay, error.retryAfter ?? .zero))
            }
            attempt += 1
            delay = min(delay * 2, max(self.configuration.retryDelay, self.configuration.maxReconnectDelay))
        }
    }
}
