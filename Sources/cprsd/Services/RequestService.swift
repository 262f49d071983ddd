internal import CPRSCore
internal import CPRSServer
internal import CPRSSystemd
internal import Logging
internal import ServiceLifecycle

/// Serves requests; on shutdown turns new ones away and gives running ones `grace` to end.
struct RequestService: Service {
    let server: CompressServer
    let grace: Duration
    let manager: ServiceManager
    let logger: Logger

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.server.run() }
            group.addTask {
                try await gracefulShutdown()
                self.manager.tell(.stopping)
                self.logger.notice("draining", metadata: ["cprs.grace_s": "\(self.grace.seconds)"])
                let drained = await self.server.stop(grace: self.grace)
                self.logger.notice("drained", metadata: ["cprs.complete": "\(drained)"])
            }
            defer { group.cancelAll() }
            // The server's end is the service's; the other task's is only the message to it.
            try await group.next()
            try await group.next()
        }
    }
}
