internal import CPRSCore
package import CPRSWire
package import GRPCCore
internal import SwiftProtobuf
internal import Synchronization

/// `grpc.health.v1.Health`: whether the server and its compressor take requests.
package final class HealthService: Sendable {
    private typealias Status = Grpc_Health_V1_HealthCheckResponse.ServingStatus

    /// Names that are known: the server as a whole, and the compressor.
    private static let services = ["", Cprs_V1_ContextCompressor.descriptor.fullyQualifiedService]

    private struct State {
        var isServing = false
        var watchers: [Int: AsyncStream<Bool>.Continuation] = [:]
        var nextWatcher = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// Says whether requests are taken; tells everybody who watches.
    package func set(isServing: Bool) {
        let watchers = self.state.withLock { state in
            state.isServing = isServing
            return Array(state.watchers.values)
        }
        for watcher in watchers { watcher.yield(isServing) }
    }

    private var isServing: Bool { self.state.withLock { $0.isServing } }

    /// The status now, then every change.
    private func changes() -> AsyncStream<Bool> {
        // Only the newest status matters to a watcher that is slow.
        let (stream, continuation) = AsyncStream.makeStream(of: Bool.self, bufferingPolicy: .bufferingNewest(1))
        let id = self.state.withLock { state in
            state.nextWatcher += 1
            state.watchers[state.nextWatcher] = continuation
            continuation.yield(state.isServing)
            return state.nextWatcher
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { $0.watchers[id] = nil }
        }
        return stream
    }

    private static func response(_ isServing: Bool) -> Grpc_Health_V1_HealthCheckResponse {
        .with { $0.status = isServing ? .serving : .notServing }
    }
}

extension HealthService: Grpc_Health_V1_Health.ServiceProtocol {
    package func check(
        request: ServerRequest<Grpc_Health_V1_HealthCheckRequest>, context: ServerContext
    ) async throws -> ServerResponse<Grpc_Health_V1_HealthCheckResponse> {
        guard Self.services.contains(request.message.service) else {
            throw RPCError(code: .notFound, message: "no service of that name here; List says which there are")
        }
        return ServerResponse(message: Self.response(self.isServing))
    }

    package func list(
        request: ServerRequest<Grpc_Health_V1_HealthListRequest>, context: ServerContext
    ) async throws -> ServerResponse<Grpc_Health_V1_HealthListResponse> {
        let response = Self.response(self.isServing)
        return ServerResponse(
            message: .with {
                for service in Self.services { $0.statuses[service] = response }
            })
    }

    package func watch(
        request: ServerRequest<Grpc_Health_V1_HealthCheckRequest>, context: ServerContext
    ) async throws -> StreamingServerResponse<Grpc_Health_V1_HealthCheckResponse> {
        let isKnown = Self.services.contains(request.message.service)
        let scope = CallScope(request.metadata)
        return StreamingServerResponse { writer in
            try await scope.run(context) {
                if !isKnown { try await writer.write(.with { $0.status = .serviceUnknown }) }
                for await isServing in self.changes() where isKnown { try await writer.write(Self.response(isServing)) }
                return [:]
            }
        }
    }
}
