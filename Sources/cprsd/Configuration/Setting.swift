/// Everything that can be set, by its name in the configuration file.
///
/// The flag is `--` and the name; the environment variable is `CPRSD_` and the name in capitals with `_` for `-`.
package enum Setting: String, CaseIterable, Sendable {
    case socket
    case socketMode = "socket-mode"
    case socketGroup = "socket-group"
    case metricsSocket = "metrics-socket"
    case allowUsers = "allow-users"
    case allowGroups = "allow-groups"
    case model
    case precision
    case threads
    case windowTokens = "window-tokens"
    case maxStreams = "max-streams"
    case maxStreamsPerUser = "max-streams-per-user"
    case maxQueuedWindows = "max-queued-windows"
    case maxQueuedWindowsPerUser = "max-queued-windows-per-user"
    case maxContextBytes = "max-context-bytes"
    case maxRetainedBytes = "max-retained-bytes"
    case retentionSeconds = "retention-seconds"
    case graceSeconds = "grace-seconds"
    case idleExitSeconds = "idle-exit-seconds"
    case maxWindowSeconds = "max-window-seconds"
    case logLevel = "log-level"

    /// The environment variable.
    package var variable: String {
        "CPRSD_" + String(self.rawValue.map { $0 == "-" ? "_" : $0 }).uppercased()
    }
}

/// What somebody set, and where.
package struct SettingText: Hashable, Sendable {
    /// As it was typed.
    package var text: String
    /// For messages: `--socket`, `CPRSD_SOCKET`, `/etc/cprs/cprsd.conf:3`.
    package var source: String

    package init(text: String, source: String) {
        self.text = text
        self.source = source
    }
}
