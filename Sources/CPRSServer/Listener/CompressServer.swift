package import CPRSCore
internal import CPRSWire
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import NIOCore
internal import NIOPosix

/// The compressor, health and reflection on one Unix socket.
package final class CompressServer: Sendable {
    /// Its RPCs and who may start one.
    package let service: CompressService
    /// Whether it says that it serves; set by whoever knows that the model does.
    package let health: HealthService
    /// Who may hold how many connections.
    package let connections: PeerGate
    private let socket: ListeningSocket
    private let server: GRPCServer<HTTP2ServerTransport.Posix>
    /// Ends `run` so long after, without waiting for anybody.
    private let abort = AsyncStream.makeStream(of: Duration.self)

    /// How long a connection without a request may take to close when the server stops; one whose peer is silent never does.
    private static let closingTime = Duration.seconds(1)
    /// Bytes that a sender may be ahead on one stream.
    private static let streamWindowBytes = 256 << 10
    /// HTTP/2's largest frames that hold one of our chunks.
    private static let frameBytes = 128 << 10
    /// A message's own framing and fields, beside the text that its limit is about.
    private static let messageOverheadBytes = 64 << 10

    /// - Parameters:
    ///   - socket: taken over; closed when `run` returns.
    ///   - access: checked when a connection is accepted; others are closed at once.
    ///   - connections: asked next; a connection too many is closed at once, too.
    ///   - eventLoops: threads that move bytes.
    /// - Throws: `internal` if the built-in descriptors do not parse.
    package init(
        socket: ListeningSocket, service: CompressService, health: HealthService = HealthService(),
        access: AccessRule = .everybody, connections: PeerGate = .connections(), eventLoops: Int = 1
    ) throws(CPRSError) {
        self.connections = connections
        self.socket = socket
        self.service = service
        self.health = health
        let transport = HTTP2ServerTransport.Posix(
            listeningSocketDescriptor: Int(socket.descriptor), transportSecurity: .plaintext,
            config: Self.transportConfiguration(service.limits, access, connections),
            eventLoopGroup: MultiThreadedEventLoopGroup(numberOfThreads: eventLoops))
        self.server = GRPCServer(transport: transport, services: [service, health, try ReflectionService()])
    }

    /// Serves until `stop`, or until the task is cancelled, which ends every request.
    package func run() async throws {
        defer { self.socket.removeFile() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.server.serve() }
            group.addTask {
                // Twice in its time, so that no text stays longer than half as long again.
                let pause = max(self.service.limits.retention / 2, .milliseconds(10))
                while true {
                    try await Task.sleep(for: pause, tolerance: pause / 4)
                    self.service.removeExpiredRecordings()
                }
            }
            group.addTask {
                for await delay in self.abort.stream {
                    try? await Task.sleep(for: delay)
                    return
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Turns new requests away, lets the running ones end, then makes `run` return.
    ///
    /// - Parameter grace: requests that run longer are ended.
    /// - Returns: whether every request ended by itself.
    @discardableResult
    package func stop(grace: Duration) async -> Bool {
        self.health.set(isServing: false)
        self.service.gate.beginDraining()
        let ended = await withTaskGroup(of: Bool.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                await self.service.gate.drained()
                return true
            }
            group.addTask {
                try? await Task.sleep(for: grace)
                return false
            }
            return await group.next() ?? false
        }
        self.server.beginGracefulShutdown()
        self.abort.continuation.yield(ended ? Self.closingTime : .zero)
        return ended
    }

    private static func transportConfiguration(
        _ limits: ServiceLimits, _ access: AccessRule, _ connections: PeerGate
    ) -> HTTP2ServerTransport.Posix.Config {
        var config = HTTP2ServerTransport.Posix.Config.defaults
        // `MessageSizeHandler` refuses longer ones first; this bounds what a compressed one may grow to.
        config.rpc.maxRequestPayloadSize = limits.maxMessageBytes + Self.messageOverheadBytes
        config.http2.targetWindowSize = Self.streamWindowBytes
        config.http2.maxFrameSize = Self.frameBytes
        let streams = PeerGate.streams(limits)
        config.http2.maxConcurrentStreams = streams.perUser
        // A decision is worth more now than with others in a tenth of a millisecond.
        config.connection.flushCoalescing = nil
        config.channelDebuggingCallbacks.onAcceptTCPConnection = { channel in
            channel.eventLoop.makeCompletedFuture {
                try Self.admit(channel, access, connections)
                try channel.pipeline.syncOperations.addHandlers(
                    UnfinishedReadHandler(), FrameCuttingHandler(), position: .first)
            }
        }
        config.channelDebuggingCallbacks.onAcceptHTTP2Stream = { stream in
            stream.eventLoop.makeCompletedFuture {
                guard let connection = stream.parent else {
                    throw CPRSError(code: .internal, message: "a stream without a connection has no peer")
                }
                let userID = try PeerLookup.credentials(of: connection).userID
                guard streams.enter(userID) else {
                    throw CPRSError(code: .overloaded, message: "no more streams for user \(userID)")
                }
                stream.closeFuture.whenComplete { _ in streams.leave(userID) }
                try stream.pipeline.syncOperations.addHandlers(
                    PeerIdentityHandler(userID: userID),
                    MessageSizeHandler(
                        maxBytes: limits.maxMessageBytes, toleranceBytes: Self.messageOverheadBytes),
                    position: .first)
            }
        }
        return config
    }

    /// - Throws: if this peer may not connect, or has connected too often; the connection is closed.
    private static func admit(_ channel: any Channel, _ access: AccessRule, _ connections: PeerGate) throws {
        do {
            let peer = try PeerLookup.credentials(of: channel)
            guard access.allows(peer) else {
                throw CPRSError(code: .invalidArgument, message: "user \(peer.userID) may not connect")
            }
            guard connections.enter(peer.userID) else {
                throw CPRSError(code: .overloaded, message: "no more connections for user \(peer.userID)")
            }
            channel.closeFuture.whenComplete { _ in connections.leave(peer.userID) }
        } catch {
            // An error alone leaves the connection open and unserved, to be held by its peer for ever.
            channel.close(promise: nil)
            throw error
        }
    }
}
