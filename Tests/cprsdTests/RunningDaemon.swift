import CPRSClient
import CPRSTestSupport
import Foundation
import Glibc
import cprsd

/// The real `cprsd`, in a folder of its own, with a service manager's notification socket.
final class RunningDaemon {
    let folder = TemporaryFolder()
    let socketPath: String
    let process = Process()
    private let notifications: Int32
    private let errors = Pipe()

    static let binaries = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent()

    /// - Parameters:
    ///   - launcher: a program and its arguments that start the daemon, such as `systemd-socket-activate`.
    ///   - socketPath: by default a fresh one in `folder`.
    init(
        _ arguments: [String] = [], environment: [String: String] = [:], launcher: [String] = [],
        socketPath: String? = nil
    ) throws {
        self.socketPath = socketPath ?? self.folder.path + "/d.sock"
        let notifyPath = self.folder.path + "/notify"
        self.notifications = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var timeout = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(self.notifications, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: notifyPath.utf8) }
        _ = withUnsafeBytes(of: address) { bytes in
            bind(
                self.notifications, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
        let binary = Self.binaries.appendingPathComponent("cprsd").path
        let command = launcher + [binary] + (launcher.isEmpty ? ["--socket", self.socketPath] : []) + arguments
        self.process.executableURL = URL(fileURLWithPath: command[0])
        self.process.arguments = Array(command.dropFirst())
        var variables = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("CPRS") }
        variables["NOTIFY_SOCKET"] = notifyPath
        variables.merge(environment) { $1 }
        self.process.environment = variables
        self.process.standardError = self.errors
        self.process.standardOutput = try FileHandle(
            forWritingTo: URL(fileURLWithPath: self.folder.write("", to: "output")))
        try self.process.run()
        // Read to the end on a thread, so that a talkative daemon never blocks.
        let (log, handle) = (self.log, self.errors.fileHandleForReading)
        Thread {
            while case let data = handle.availableData, !data.isEmpty {
                log.append(String(decoding: data, as: UTF8.self))
            }
        }.start()
    }

    deinit {
        if self.process.isRunning { kill(self.process.processIdentifier, SIGKILL) }
        self.process.waitUntilExit()
        close(self.notifications)
    }

    /// Memory of the process that no file backs.
    func anonymousBytes() throws -> Int {
        let status = "/proc/\(self.process.processIdentifier)/status"
        return try ProcessMemory(status: String(contentsOfFile: status, encoding: .utf8)).anonymousBytes
    }

    /// What it has written to standard output.
    var output: String { (try? String(contentsOfFile: self.folder.path + "/output", encoding: .utf8)) ?? "" }

    /// What it has written to standard error.
    let log = Log()

    final class Log: @unchecked Sendable {
        // `text` is touched only under `lock`.
        private let lock = NSLock()
        private var text = ""

        func append(_ more: String) { self.lock.withLock { self.text += more } }
        var contents: String { self.lock.withLock { self.text } }

        /// Waits until the log holds `part`, which arrives through a pipe; false after a minute without it.
        func says(_ part: String) -> Bool {
            for _ in 0..<6000 {
                if self.contents.contains(part) { return true }
                usleep(10_000)
            }
            return false
        }
    }

    var client: CPRSClient { CPRSClient(ClientConfiguration(socketPath: self.socketPath, attempts: 1)) }

    /// Waits for a notification with that line; false after a minute without one.
    func awaitNotification(_ line: String) -> Bool { self.nextNotification { $0 == line } != nil }

    /// Waits for a notification with a line that fits; nil after a minute without one.
    func nextNotification(where fits: (Substring) -> Bool) -> Substring? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(self.notifications, &buffer, buffer.count, 0)
            if count <= 0 { return nil }
            let lines = String(decoding: buffer.prefix(count), as: UTF8.self).split(separator: "\n")
            if let line = lines.first(where: fits) { return line }
        }
    }

    func signal(_ signal: Int32) { kill(self.process.processIdentifier, signal) }

    /// Waits for its end.
    func exitStatus() -> Int32 {
        self.process.waitUntilExit()
        return self.process.terminationReason == .exit ? self.process.terminationStatus : -1
    }
}
