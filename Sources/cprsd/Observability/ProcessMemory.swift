internal import Glibc

/// What this process holds in memory, as the kernel counts it.
package struct ProcessMemory: Hashable, Sendable {
    /// Bytes that belong to this process alone: heap, stacks, scratch.
    package var anonymousBytes = 0
    /// Bytes of files that are mapped, shared with every process that maps them: the model.
    package var fileBytes = 0

    /// Reads `/proc/self/status`; zeros where it cannot be read.
    package static func current() -> ProcessMemory {
        let file = open("/proc/self/status", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return ProcessMemory() }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 8192)
        let count = read(file, &buffer, buffer.count)
        return Self(status: String(decoding: buffer.prefix(max(0, count)), as: UTF8.self))
    }

    private init() {}

    /// Parses proc_pid_status(5)'s `RssAnon` and `RssFile`, given in kB.
    package init(status: String) {
        for line in status.split(separator: "\n") {
            let fields = line.split(whereSeparator: \.isWhitespace)
            guard fields.count >= 2, let kilobytes = Int(fields[1]) else { continue }
            switch fields[0] {
            case "RssAnon:": self.anonymousBytes = kilobytes * 1024
            case "RssFile:": self.fileBytes = kilobytes * 1024
            default: break
            }
        }
    }
}
