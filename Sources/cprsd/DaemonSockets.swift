internal import CPRSCore
internal import CPRSServer
internal import CPRSSystemd

/// The sockets for requests and for metrics: those that were passed to the process, else its own.
struct DaemonSockets: Sendable {
    let requests: ListeningSocket
    let metrics: ListeningSocket?

    /// `FileDescriptorName=` of a metrics socket; a passed socket of any other name serves requests.
    private static let metricsName = "metrics"

    /// - Throws: `invalidArgument` for a path that is taken or a passed descriptor that does not fit; `notFound` where the
    ///   system refuses.
    static func open(
        _ configuration: DaemonConfiguration, environment: [String: String]
    ) throws(CPRSError) -> DaemonSockets {
        let passed = try PassedSocket.all(environment: environment)
        let forRequests = passed.filter { $0.name != Self.metricsName }
        guard forRequests.count <= 1 else {
            throw CPRSError(
                code: .invalidArgument,
                message: "one socket for requests may be passed (got \(forRequests.count): "
                    + "\(forRequests.map(\.name).joined(separator: ", "))); name the other one '\(Self.metricsName)'")
        }
        func socket(_ passed: PassedSocket?, _ path: String) throws(CPRSError) -> ListeningSocket {
            if let passed { return try .inherited(passed.descriptor) }
            return try .open(path: path, mode: configuration.socketMode, groupID: configuration.socketGroup)
        }
        let requests = try socket(forRequests.first, configuration.socketPath)
        let passedMetrics = passed.first { $0.name == Self.metricsName }
        guard passedMetrics != nil || configuration.metricsSocketPath != nil else {
            return DaemonSockets(requests: requests, metrics: nil)
        }
        do throws(CPRSError) {
            let metrics = try socket(passedMetrics, configuration.metricsSocketPath ?? "")
            return DaemonSockets(requests: requests, metrics: metrics)
        } catch {
            requests.removeFile()
            throw error
        }
    }

    /// Removes the files that are ours.
    func removeFiles() {
        self.requests.removeFile()
        self.metrics?.removeFile()
    }
}
