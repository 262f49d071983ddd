internal import Foundation

/// Runs the `cprs` that was built beside the tests.
struct Command {
    var status: Int32
    var output: [UInt8]
    var error: String

    var text: String { String(decoding: self.output, as: UTF8.self) }

    private static let executable: URL = {
        let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        return tests.deletingLastPathComponent().appendingPathComponent("cprs")
    }()

    /// Runs it to the end.
    ///
    /// - Parameter input: what standard input holds; nothing by default.
    static func run(_ arguments: [String], input: [UInt8] = []) throws -> Command {
        let process = Process()
        process.executableURL = self.executable
        process.arguments = arguments
        let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
        (process.standardInput, process.standardOutput, process.standardError) = (stdin, stdout, stderr)
        try process.run()
        // Large inputs fill the pipe while the command already prints, so all three ends move at once.
        let feeder = Thread {
            try? stdin.fileHandleForWriting.write(contentsOf: Data(input))
            try? stdin.fileHandleForWriting.close()
        }
        feeder.start()
        let errors = ErrorReader(stderr.fileHandleForReading)
        errors.start()
        let output = stdout.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Command(status: process.terminationStatus, output: Array(output), error: errors.text())
    }

    /// Reads standard error on a thread of its own.
    private final class ErrorReader: @unchecked Sendable {
        // `data` is written once before `done` is signalled and read once after.
        private let handle: FileHandle
        private let done = DispatchSemaphore(value: 0)
        private var data = Data()

        init(_ handle: FileHandle) { self.handle = handle }

        func start() {
            Thread {
                self.data = self.handle.readDataToEndOfFile()
                self.done.signal()
            }.start()
        }

        func text() -> String {
            self.done.wait()
            return String(decoding: self.data, as: UTF8.self)
        }
    }
}
