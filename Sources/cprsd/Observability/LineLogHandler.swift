internal import Glibc
internal import Logging

/// Writes log lines to standard error: `<6>message key=value …`, the form that the journal takes levels from.
///
/// Without the journal the level is spelled out and the time comes first. A value with a blank, quote or `=` in it is
/// quoted, so that a name which a client chose cannot pass for other fields.
struct LineLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level
    private let isForJournal: Bool

    /// - Parameter isForJournal: whether `JOURNAL_STREAM` says that standard error goes to the journal.
    init(level: Logger.Level, isForJournal: Bool) {
        self.logLevel = level
        self.isForJournal = isForJournal
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = self.metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
            .map { " \($0.key)=\(LogValue.quoted("\($0.value)"))" }.joined()
        let message = "\(event.message)".split(whereSeparator: \.isNewline).joined(separator: " ") + fields
        let prefix = self.isForJournal ? "<\(Self.priority(event.level))>" : "\(Self.time()) \(event.level) "
        let line = prefix + message + "\n"
        // Requests must not wait for whoever reads the log. A pipe that can be written takes a line as a whole; one that
        // nobody empties loses lines.
        var output = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        guard poll(&output, 1, 0) == 1 else { return }
        // One write for a whole line, so that lines of several threads do not mix.
        _ = write(STDERR_FILENO, line, line.utf8.count)
    }

    /// Source: sd-daemon(3), syslog(3).
    private static func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }

    private static func time() -> String {
        var now = time_t(Glibc.time(nil))
        var parts = tm()
        gmtime_r(&now, &parts)
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : String(value) }
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T"
            + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
    }
}
