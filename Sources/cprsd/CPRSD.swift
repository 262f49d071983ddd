internal import ArgumentParser
internal import CPRSCore
internal import CPRSRuntime
internal import CPRSTensors
internal import Glibc
internal import Logging

@main
struct CPRSD: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cprsd",
        abstract: "Serve a token critic on a Unix socket.",
        discussion: """
            Every option can also be set by the environment variable CPRSD_ and its name in capitals (CPRSD_MAX_STREAMS), or \
            by a line 'name = value' of the file that --config names; flags win over variables, variables over the file.

            SIGTERM lets running requests end and then exits with 0; SIGHUP opens the model again and swaps it without \
            dropping a request.

            Exit codes: 0 stopped in order, 64 wrong usage or configuration, 66 no such file or unusable model, 70 a defect,
            71 the system refused memory, 74 a file of the model was truncated while it was in use.
            """,
        version: "0.1.0")

    @OptionGroup var settings: SettingOptions

    @Option(help: ArgumentHelp("Configuration file.", valueName: "file"))
    var config: String?

    @Flag(help: "Print the configuration that results and which model it opens, and exit.")
    var checkConfig = false

    @Flag(help: ArgumentHelp("Print the model's cprs_selfcheck.json, and exit.", visibility: .hidden))
    var printSelfCheck = false

    func run() async throws {
        do {
            // A peer that goes away is an error of its request, not the end of the process.
            signal(SIGPIPE, SIG_IGN)
            TruncatedFile.exitWhenFound()
            RefusedMemory.exitWhenFound()
            FreedMemory.giveBackLargeBuffers()
            let environment = Self.environment()
            let configuration = try self.daemonConfiguration(environment)
            if self.checkConfig {
                print(configuration)
                print("# opens \(try ModelChoice(configuration).summary())")
            } else if self.printSelfCheck {
                try Self.printSelfCheck(configuration)
            } else {
                try await Daemon(
                    configuration: configuration, environment: environment,
                    logger: Self.logger(configuration, environment)
                ).run()
            }
        } catch let error as CPRSError {
            Self.note("cprsd: \(error.message)")
            throw ExitCode(error.code.exitCode)
        }
    }

    private func daemonConfiguration(_ environment: [String: String]) throws(CPRSError) -> DaemonConfiguration {
        var file: (path: String, text: String)?
        if let path = self.config ?? environment[SettingSources.configVariable] {
            let bytes = try MappedFile.read(path: path, limit: 1 << 20)
            file = (path, String(decoding: bytes, as: UTF8.self))
        }
        let settings = try SettingSources.merge(flags: self.settings.flags, environment: environment, file: file)
        return try DaemonConfiguration(
            settings, environment: environment, processors: ComputePool.availableCores)
    }

    private static func printSelfCheck(_ configuration: DaemonConfiguration) throws(CPRSError) {
        let model = try ModelChoice(configuration).load()
        let text = SelfCheck.defaultText
        print(try SelfCheck.compute(model, query: text.query, text: text.text).json, terminator: "")
    }

    private static func logger(_ configuration: DaemonConfiguration, _ environment: [String: String]) -> Logger {
        // `logLevel` was checked to be one of swift-log's.
        let level = Logger.Level(rawValue: configuration.logLevel) ?? .info
        let isForJournal = environment["JOURNAL_STREAM"] != nil
        return Logger(label: "cprsd") { _ in LineLogHandler(level: level, isForJournal: isForJournal) }
    }

    private static func note(_ text: String) {
        let line = text + "\n"
        _ = write(STDERR_FILENO, line, line.utf8.count)
    }

    private static func environment() -> [String: String] {
        var variables: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") {
                variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            next += 1
        }
        return variables
    }
}

extension CPRSError.Code {
    /// The process's exit code for this kind of failure, after sysexits.h.
    fileprivate var exitCode: Int32 {
        switch self {
        case .invalidArgument: 64
        case .notFound, .modelUnusable: 66
        default: 70
        }
    }
}
