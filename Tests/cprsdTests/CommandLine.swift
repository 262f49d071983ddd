import Foundation

/// The `cprs` that was built beside the tests.
struct CommandLine {
    var status: Int32
    var output: [UInt8]
    var error: String

    var text: String { String(decoding: self.output, as: UTF8.self) }

    static let executable = RunningDaemon.binaries.appendingPathComponent("cprs").path

    /// Runs it to the end, without a model or daemon of the tester's.
    ///
    /// - Parameters:
    ///   - input: what standard input holds; less than a pipe does.
    ///   - runtimeFolder: `XDG_RUNTIME_DIR`.
    static func run(_ arguments: [String], input: String = "", runtimeFolder: String? = nil) throws -> CommandLine {
        let folder = FileManager.default.temporaryDirectory
        let out = folder.appendingPathComponent(UUID().uuidString)
        let error = folder.appendingPathComponent(UUID().uuidString)
        defer { for file in [out, error] { try? FileManager.default.removeItem(at: file) } }
        for file in [out, error] { try Data().write(to: file) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.executable)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.filter {
            !$0.key.hasPrefix("CPRS") && $0.key != "XDG_RUNTIME_DIR"
        }
        if let runtimeFolder { process.environment?["XDG_RUNTIME_DIR"] = runtimeFolder }
        let stdin = Pipe()
        process.standardInput = stdin
        process.standardOutput = try FileHandle(forWritingTo: out)
        process.standardError = try FileHandle(forWritingTo: error)
        try process.run()
        try stdin.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try stdin.fileHandleForWriting.close()
        process.waitUntilExit()
        return CommandLine(
            status: process.terminationStatus, output: Array(try Data(contentsOf: out)),
            error: String(decoding: try Data(contentsOf: error), as: UTF8.self))
    }
}
