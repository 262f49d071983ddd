internal import ArgumentParser
internal import CPRSClient
internal import CPRSCore
internal import CPRSJSON

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Say what the daemon runs and how busy it is.",
        discussion: """
            Exit codes: 0 it takes requests, 1 it listens but takes none (it is starting, stopping or stuck), 69 nobody \
            listens.
            """)

    @Option(
        help: ArgumentHelp(
            "The daemon's Unix socket (default: cprsd.sock in $XDG_RUNTIME_DIR/cprs, else in /run/cprs).",
            valueName: "path"))
    var socket: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        let path = self.socket ?? ClientConfiguration.defaultSocketPath
        let client = CPRSClient(ClientConfiguration(socketPath: path, attempts: 1, connectTimeout: .seconds(2)))
        let asking = Blocking { try await client.status() }
        let status: DaemonStatus
        do { status = try asking.wait() } catch let error as ClientError {
            let listens = SocketProbe.listens(path)
            Console.note("cprs: \(path): \(listens ? "listens, but does not answer" : "no daemon"): \(error.message)")
            throw ExitCode(listens ? 1 : 69)
        }
        Console.write(self.json ? Self.json(status, path) : Self.lines(status, path))
        Console.flush()
        if !status.isServing { throw ExitCode(1) }
    }

    private static func lines(_ status: DaemonStatus, _ path: String) -> String {
        let speed =
            status.tokensPerSecond.map { "\(Format.grouped(Int($0))) tokens/s while scoring" } ?? "nothing scored yet"
        return """
            socket    \(path)
            state     \(status.isServing ? "serving" : "stopping"), up \(Format.clock(status.uptime.seconds))
            model     \(status.model.name), SHA-256 \(status.model.sha256)
            windows   \(Format.grouped(status.model.trainedWindowTokens)) tokens, at most \(Format.grouped(status.model.maxWindowTokens))
            requests  \(status.activeRequests) running of at most \(status.maxRequests), \(Format.grouped(status.admittedRequests)) in all
            queue     \(Format.grouped(status.queuedWindows)) windows, \(Format.grouped(status.queuedTokens)) tokens
            scored    \(Format.grouped(status.scoredWindows)) windows, \(Format.grouped(status.scoredTokens)) tokens; \(speed)

            """
    }

    private static func json(_ status: DaemonStatus, _ path: String) -> String {
        let model = status.model
        let speed = status.tokensPerSecond.map(JSONText.number) ?? "null"
        return "{\"socket\":\(JSONText.quoted(path)),\"serving\":\(status.isServing),"
            + "\"uptime_seconds\":\(Format.fixed(status.uptime.seconds, 3)),"
            + "\"model\":{\"name\":\(JSONText.quoted(model.name)),\"sha256\":\(JSONText.quoted(model.sha256)),"
            + "\"trained_window_tokens\":\(model.trainedWindowTokens),\"max_window_tokens\":\(model.maxWindowTokens)},"
            + "\"active_requests\":\(status.activeRequests),\"max_requests\":\(status.maxRequests),"
            + "\"admitted_requests\":\(status.admittedRequests),"
            + "\"queued_windows\":\(status.queuedWindows),\"queued_tokens\":\(status.queuedTokens),"
            + "\"scored_windows\":\(status.scoredWindows),\"scored_tokens\":\(status.scoredTokens),"
            + "\"tokens_per_second\":\(speed)}\n"
    }
}
