internal import CPRSCore
internal import CPRSWire
internal import GRPCCore

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// Who calls, and how long the caller waits; from the call's headers.
struct CallScope: Sendable {
    let userID: UInt32
    /// The field that brings the method's text.
    private let textField: String
    private let timeout: Duration?
    private let began = ContinuousClock.now

    init(_ metadata: Metadata, textField: String = "chunk.text") {
        self.textField = textField
        // Only the listener writes this header. Without one the caller is in this process.
        let peer = metadata[stringValues: WireHeader.peerUserID].first { _ in true }
        self.userID = peer.flatMap { UInt32($0) } ?? geteuid()
        self.timeout = metadata[stringValues: "grpc-timeout"].first { _ in true }.flatMap(Self.duration(timeout:))
    }

    /// Runs a call's work, and cancels it when the call is cancelled: by its peer, by its deadline, or with its connection.
    ///
    /// - Throws: an `RPCError` with details, always.
    func run<Result: Sendable>(
        _ context: ServerContext, _ work: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        do {
            return try await withThrowingTaskGroup(of: Result?.self) { group in
                defer { group.cancelAll() }
                group.addTask { try await work() }
                group.addTask {
                    try await context.cancellation.cancelled
                    return nil
                }
                if let result = try await group.next(), let result { return result }
                throw CancellationError()
            }
        } catch {
            throw self.serviceError(error).rpcError
        }
    }

    /// What a call's work failed with, as its caller should hear it.
    func serviceError(_ error: any Error) -> ServiceError {
        var error = ServiceError(any: error)
        if error.reason == .invalidText { error.field = self.textField }
        guard error.reason == .cancelled, let timeout = self.timeout, ContinuousClock.now - self.began >= timeout * 0.9
        else { return error }
        return ServiceError(.deadlineExceeded, "the call's deadline of \(timeout) passed")
    }

    /// A `grpc-timeout`: up to eight digits and a unit.
    ///
    /// Source: gRPC over HTTP/2, "Timeout".
    private static func duration(timeout: String) -> Duration? {
        guard let unit = timeout.last, let value = Int64(timeout.dropLast()), value >= 0, value < 100_000_000 else {
            return nil
        }
        switch unit {
        case "H": return .seconds(value * 3600)
        case "M": return .seconds(value * 60)
        case "S": return .seconds(value)
        case "m": return .milliseconds(value)
        case "u": return .microseconds(value)
        case "n": return .nanoseconds(value)
        default: return nil
        }
    }
}

extension RPCWriter {
    /// Writes a message; suspends while the receiver does not read.
    ///
    /// - Throws: `cancelled` when the receiver is gone.
    func deliver(_ message: Element) async throws {
        do { try await self.write(message) } catch { throw ServiceError(broken: error) }
    }
}
