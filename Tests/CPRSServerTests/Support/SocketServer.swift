internal import CPRSCore
internal import CPRSServer
internal import CPRSTestSupport
internal import CPRSWire
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import Glibc
internal import SwiftProtobuf

/// The real server on a real Unix socket in a folder of its own.
enum SocketServer {
    typealias Client = GRPCClient<HTTP2ClientTransport.Posix>

    /// Serves while `body` runs, then stops without waiting for anybody.
    static func with<Result: Sendable>(
        _ service: CompressService, access: AccessRule = .everybody,
        _ body: (CompressServer, _ path: String) async throws -> Result
    ) async throws -> Result {
        try await TemporaryFolder.with { folder in
            let path = folder + "/cprsd.sock"
            let server = try CompressServer(
                socket: ListeningSocket.open(path: path, mode: 0o600), service: service, access: access)
            server.health.set(isServing: true)
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await server.run() }
                defer { group.cancelAll() }
                let result = try await body(server, path)
                await server.stop(grace: .zero)
                return result
            }
        }
    }

    /// Connects while `body` runs.
    static func withClient<Result: Sendable>(
        _ path: String, window: Int = 64 << 10, _ body: (Client) async throws -> Result
    ) async throws -> Result {
        var config = HTTP2ClientTransport.Posix.Config.defaults
        config.http2.targetWindowSize = window
        config.http2.authority = "localhost"
        let transport = try HTTP2ClientTransport.Posix(
            target: .unixDomainSocket(path: path), transportSecurity: .plaintext, config: config)
        return try await withGRPCClient(transport: transport) { try await body($0) }
    }
}
