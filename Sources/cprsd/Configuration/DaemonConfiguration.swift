package import CPRSCore
package import CPRSScheduler
package import CPRSServer
package import CPRSTensors
internal import Glibc

/// What the daemon does, checked in every respect that can be checked without opening the model.
package struct DaemonConfiguration: Hashable, Sendable {
    /// Where it listens, unless the service manager passes a socket.
    package var socketPath: String
    /// Permission bits of the socket file; who may write may connect.
    package var socketMode: UInt32
    /// The socket file's group; nil for the process's own.
    package var socketGroup: UInt32?
    /// Where metrics are read; nil for nowhere.
    package var metricsSocketPath: String?
    /// Who may connect.
    package var access: AccessRule
    /// Model folder or packed file; nil for the one that ships with cprs.
    package var modelPath: String?
    /// Arithmetic of the linear layers; nil for f32 for a folder, what a packed file was packed for.
    package var precision: Precision?
    /// Threads that compute.
    package var threads: Int
    /// Largest window, prompt included; nil for what the model was trained for.
    package var windowTokens: Int?
    /// Limits of requests.
    package var service: ServiceLimits
    /// Windows that may wait to be scored.
    package var queue: QueueLimits
    /// How long running requests may go on after SIGTERM.
    package var grace: Duration
    /// Ends the daemon after so long without a request; nil for never.
    package var idleExit: Duration?
    /// A window that computes longer than this counts as stuck, and the watchdog is no longer fed.
    package var maxWindow: Duration
    /// `trace`, `debug`, `info`, `notice`, `warning`, `error` or `critical`.
    package var logLevel: String

    /// The levels of swift-log.
    package static let logLevels = ["trace", "debug", "info", "notice", "warning", "error", "critical"]

    /// Reads and checks all settings.
    ///
    /// - Parameters:
    ///   - settings: texts by name; what is absent has its default.
    ///   - environment: `RUNTIME_DIRECTORY` says where the socket goes by default.
    ///   - processors: cores that this process may run on.
    /// - Throws: `invalidArgument` naming the setting, the allowed range, the value and where it was set.
    package init(
        _ settings: [Setting: SettingText], environment: [String: String], processors: Int
    ) throws(CPRSError) {
        let reader = SettingReader(settings: settings)
        let folder = environment["RUNTIME_DIRECTORY"].flatMap { $0.isEmpty ? nil : $0 } ?? "/run/cprs"
        self.socketPath = try reader.path(.socket) ?? folder + "/cprsd.sock"
        self.socketMode = try reader.mode(.socketMode) ?? 0o660
        self.socketGroup = try reader.group(.socketGroup)
        self.metricsSocketPath = try reader.path(.metricsSocket)
        self.access = AccessRule(
            userIDs: try reader.users(.allowUsers), groupIDs: try reader.groups(.allowGroups))
        self.modelPath = try reader.path(.model)
        self.precision = try reader.precision(.precision)
        self.threads = try reader.integer(.threads, in: 1...1024) ?? processors
        self.windowTokens = try reader.integer(.windowTokens, in: 64...(1 << 20))
        self.service = try Self.serviceLimits(reader)
        self.queue = QueueLimits(
            total: try reader.integer(.maxQueuedWindows, in: 1...(1 << 20)) ?? 1024,
            perUser: try reader.integer(.maxQueuedWindowsPerUser, in: 1...(1 << 20)) ?? 512)
        self.grace = try reader.seconds(.graceSeconds, in: 0...3600) ?? .seconds(20)
        let idle = try reader.seconds(.idleExitSeconds, in: 0...(86400 * 365)) ?? .zero
        self.idleExit = idle == .zero ? nil : idle
        self.maxWindow = try reader.seconds(.maxWindowSeconds, in: 0.001...3600) ?? .seconds(60)
        self.logLevel = reader.text(.logLevel) ?? "info"
        try self.check(reader)
    }

    private func check(_ reader: SettingReader) throws(CPRSError) {
        guard Self.logLevels.contains(self.logLevel) else {
            throw reader.refusal(.logLevel, "must be one of \(Self.logLevels.joined(separator: ", "))")
        }
        for (setting, path) in [(Setting.socket, self.socketPath), (.metricsSocket, self.metricsSocketPath ?? "/")] {
            let most = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1
            guard path.utf8.count <= most, !path.utf8.contains(0) else {
                throw reader.refusal(setting, "must have at most \(most) bytes, not \(path.utf8.count)")
            }
        }
        guard self.socketPath != self.metricsSocketPath else {
            throw reader.refusal(.metricsSocket, "must differ from socket")
        }
        guard self.service.maxStreamsPerUser <= self.service.maxStreams else {
            throw reader.refusal(.maxStreamsPerUser, "must be at most max-streams, \(self.service.maxStreams)")
        }
        guard self.queue.perUser <= self.queue.total else {
            throw reader.refusal(.maxQueuedWindowsPerUser, "must be at most max-queued-windows, \(self.queue.total)")
        }
        guard self.modelPath.map(Self.mayBeModel) ?? true else {
            throw reader.refusal(.model, "must be a folder with a config.json, or a packed file, that can be read")
        }
    }

    private static func mayBeModel(_ path: String) -> Bool {
        var status = stat()
        let isFile = stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        return Glibc.access(isFile ? path : path + "/config.json", R_OK) == 0
    }

    private static func serviceLimits(_ reader: SettingReader) throws(CPRSError) -> ServiceLimits {
        var limits = ServiceLimits.defaults
        if let value = try reader.integer(.maxStreams, in: 1...100_000) {
            limits.maxStreams = value
            limits.maxStreamsPerUser = min(limits.maxStreamsPerUser, value)
        }
        if let value = try reader.integer(.maxStreamsPerUser, in: 1...100_000) { limits.maxStreamsPerUser = value }
        limits.maxContextBytes = try reader.integer(.maxContextBytes, in: 1...(1 << 50))
        if let value = try reader.integer(.maxRetainedBytes, in: 0...(1 << 40)) { limits.maxRetainedBytes = value }
        if let value = try reader.seconds(.retentionSeconds, in: 0.1...86400) { limits.retention = value }
        return limits
    }
}

extension DaemonConfiguration: CustomStringConvertible {
    /// `name = value` lines that set the same configuration again.
    package var description: String {
        var lines = [
            "socket = \(self.socketPath)", "socket-mode = 0" + String(self.socketMode, radix: 8),
            "threads = \(self.threads)", "max-streams = \(self.service.maxStreams)",
            "max-streams-per-user = \(self.service.maxStreamsPerUser)", "max-queued-windows = \(self.queue.total)",
            "max-queued-windows-per-user = \(self.queue.perUser)",
            "max-retained-bytes = \(self.service.maxRetainedBytes)",
            "retention-seconds = \(self.service.retention.seconds)", "grace-seconds = \(self.grace.seconds)",
            "idle-exit-seconds = \(self.idleExit?.seconds ?? 0)", "max-window-seconds = \(self.maxWindow.seconds)",
            "log-level = \(self.logLevel)",
        ]
        func add(_ name: String, _ value: String?) { if let value { lines.append("\(name) = \(value)") } }
        func list(_ ids: Set<UInt32>?) -> String? { ids?.sorted().map(String.init).joined(separator: ",") }
        add("socket-group", self.socketGroup.map { String($0) })
        add("metrics-socket", self.metricsSocketPath)
        add("allow-users", list(self.access.userIDs))
        add("allow-groups", list(self.access.groupIDs))
        add("model", self.modelPath)
        add("precision", self.precision?.rawValue)
        add("window-tokens", self.windowTokens.map { String($0) })
        add("max-context-bytes", self.service.maxContextBytes.map { String($0) })
        return lines.joined(separator: "\n")
    }
}
