internal import ArgumentParser
internal import CPRSClient
internal import CPRSCore
internal import Glibc

/// Whether the daemon computes, or this process.
struct DaemonOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Ask the daemon on this Unix socket, and fail with 69 if it is away (default: the daemon, if its socket exists \
            in $XDG_RUNTIME_DIR/cprs or /run/cprs; else this process).
            """,
            valueName: "path"))
    var socket: String?

    @Flag(
        help:
            "Compute in this process, whether or not there is a daemon; so do --model, --threads, --precision and CPRS_MODEL."
    )
    var inProcess = false

    /// Where to compute.
    enum Place: Hashable {
        case thisProcess
        /// - isDemanded: the caller named it, so nothing else will do.
        case daemon(path: String, isDemanded: Bool)
    }

    /// - Throws: `invalidArgument` for options that exclude each other.
    func place(_ model: ModelOptions, _ precision: PrecisionOptions) throws(CPRSError) -> Place {
        let local: String? =
            self.inProcess
            ? "--in-process"
            : model.model != nil
                ? "--model"
                : model.threads != nil ? "--threads" : precision.precision != nil ? "--precision" : nil
        if let path = self.socket {
            guard let local else { return .daemon(path: path, isDemanded: true) }
            throw CPRSError(
                code: .invalidArgument,
                message: "--socket and \(local) exclude each other: the daemon has a model and threads of its own")
        }
        guard local == nil, getenv("CPRS_MODEL") == nil, let path = ClientConfiguration.findSocket() else {
            return .thisProcess
        }
        return .daemon(path: path, isDemanded: false)
    }
}

extension ClientError {
    /// Whether another place could do what the daemon did not: it is away, busy, or takes less than the model can.
    var isAboutTheDaemon: Bool {
        let codes: [Code] = [.unavailable, .overloaded, .contextTooLarge, .cancelled, .deadlineExceeded]
        return codes.contains(self.code) || self.field == "window_tokens"
    }

    /// The process's exit code for this failure, after sysexits.h.
    var exitCode: Int32 {
        switch self.code {
        case .invalidArgument, .budgetTooSmall: 64
        case .invalidText: 65
        case .internal: 70
        default: 69
        }
    }
}
