internal import ArgumentParser

/// The settings as flags; texts, because all three sources are read by the same code.
struct SettingOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where to listen (default: cprsd.sock in $RUNTIME_DIRECTORY, else /run/cprs).", valueName: "path"))
    var socket: String?
    @Option(help: ArgumentHelp("Permission bits of the socket (default: 0660).", valueName: "octal"))
    var socketMode: String?
    @Option(help: ArgumentHelp("Group of the socket; its members may connect.", valueName: "group"))
    var socketGroup: String?
    @Option(help: ArgumentHelp("Serve Prometheus metrics on this Unix socket.", valueName: "path"))
    var metricsSocket: String?
    @Option(
        help: ArgumentHelp("Users that may connect, by comma (default: who can open the socket).", valueName: "users"))
    var allowUsers: String?
    @Option(help: ArgumentHelp("Groups whose members may connect too, by comma.", valueName: "groups"))
    var allowGroups: String?
    @Option(
        help: ArgumentHelp(
            "Model folder, or a file of `cprs pack`, which opens at once (default: the model that ships with cprs).",
            valueName: "path"))
    var model: String?
    @Option(
        help: ArgumentHelp(
            "Arithmetic of the linear layers: f32, bf16 or int8; a folder is packed in memory at every start (default: f32 for a folder, a packed file's own).",
            valueName: "name"))
    var precision: String?
    @Option(help: ArgumentHelp("Compute threads (default: all cores this process may use).", valueName: "n"))
    var threads: String?
    @Option(
        help: ArgumentHelp(
            "Largest window, prompt included; memory grows with it (default: what the model was trained for).",
            valueName: "n"))
    var windowTokens: String?
    @Option(help: ArgumentHelp("Requests at a time; each may hold some MB of text (default: 128).", valueName: "n"))
    var maxStreams: String?
    @Option(help: ArgumentHelp("Requests of one user at a time (default: 64).", valueName: "n"))
    var maxStreamsPerUser: String?
    @Option(help: ArgumentHelp("Windows that may wait; more are refused (default: 1024).", valueName: "n"))
    var maxQueuedWindows: String?
    @Option(help: ArgumentHelp("Windows of one user that may wait (default: 512).", valueName: "n"))
    var maxQueuedWindowsPerUser: String?
    @Option(help: ArgumentHelp("Largest context (default: no limit; a budget takes 60 bytes a unit).", valueName: "n"))
    var maxContextBytes: String?
    @Option(help: ArgumentHelp("Memory for Recut, of all users; holds text (default: 67108864).", valueName: "n"))
    var maxRetainedBytes: String?
    @Option(help: ArgumentHelp("How long Recut works after a request (default: 300).", valueName: "s"))
    var retentionSeconds: String?
    @Option(help: ArgumentHelp("How long running requests may go on after SIGTERM (default: 20).", valueName: "s"))
    var graceSeconds: String?
    @Option(
        help: ArgumentHelp(
            "End after so long without a request; for socket activation (default: 0, never).", valueName: "s"))
    var idleExitSeconds: String?
    @Option(
        help: ArgumentHelp("A window that computes longer stops the watchdog's food (default: 60).", valueName: "s"))
    var maxWindowSeconds: String?
    @Option(
        help: ArgumentHelp(
            "trace, debug, info, notice, warning, error or critical (default: info).", valueName: "level"))
    var logLevel: String?

    /// What was set.
    var flags: [Setting: String] {
        let values: [Setting: String?] = [
            .socket: self.socket, .socketMode: self.socketMode, .socketGroup: self.socketGroup,
            .metricsSocket: self.metricsSocket, .allowUsers: self.allowUsers, .allowGroups: self.allowGroups,
            .model: self.model, .precision: self.precision, .threads: self.threads, .windowTokens: self.windowTokens,
            .maxStreams: self.maxStreams, .maxStreamsPerUser: self.maxStreamsPerUser,
            .maxQueuedWindows: self.maxQueuedWindows, .maxQueuedWindowsPerUser: self.maxQueuedWindowsPerUser,
            .maxContextBytes: self.maxContextBytes, .maxRetainedBytes: self.maxRetainedBytes,
            .retentionSeconds: self.retentionSeconds, .graceSeconds: self.graceSeconds,
            .idleExitSeconds: self.idleExitSeconds, .maxWindowSeconds: self.maxWindowSeconds, .logLevel: self.logLevel,
        ]
        return values.compactMapValues { $0 }
    }
}
