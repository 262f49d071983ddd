internal import CPRSWire
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import NIOCore
internal import Synchronization

/// The client's one connection, run by a task of its own from the first call on.
final class Connection: Sendable {
    typealias Transport = HTTP2ClientTransport.Posix
    typealias Stub = Cprs_V1_ContextCompressor.Client<Transport>

    private enum State {
        case idle
        case open(GRPCClient<Transport>, Task<Void, Never>)
        case closed
    }

    private let configuration: ClientConfiguration
    private let state = Mutex(State.idle)

    init(_ configuration: ClientConfiguration) { self.configuration = configuration }

    /// What calls are made on.
    ///
    /// - Throws: `unavailable` after `close`.
    func stub() throws -> Stub {
        try self.state.withLock { state in
            switch state {
            case .open(let client, _): return Stub(wrapping: client)
            case .closed: throw ClientError(code: .unavailable, message: "the client was closed")
            case .idle:
                let client = GRPCClient(transport: try Self.transport(self.configuration))
                // Ends when the client is told to shut down; failures to connect are told to each call.
                let task = Task { _ = try? await client.runConnections() }
                state = .open(client, task)
                return Stub(wrapping: client)
            }
        }
    }

    func close() {
        self.state.withLock { state in
            if case .open(let client, _) = state { client.beginGracefulShutdown() }
            state = .closed
        }
    }

    private static func transport(_ configuration: ClientConfiguration) throws -> Transport {
        var config = Transport.Config.defaults
        config.backoff.initial = configuration.retryDelay
        config.backoff.max = configuration.maxReconnectDelay
        config.connection.flushCoalescing = nil
        config.http2.maxFrameSize = 128 << 10
        // Decisions are small; a receiver that does not read must stop the daemon soon.
        config.http2.targetWindowSize = 256 << 10
        config.http2.authority = "localhost"
        let timeout = configuration.connectTimeout
        config.channelDebuggingCallbacks.onCreateTCPConnection = { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(FirstWordTimeout(timeout), position: .first)
            }
        }
        return try Transport(
            target: .unixDomainSocket(path: configuration.socketPath), transportSecurity: .plaintext, config: config)
    }
}
