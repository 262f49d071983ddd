internal import Glibc

/// Standard output and error, without Foundation.
enum Console {
    /// Whether a person is looking at standard error.
    static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Whether a person is looking at standard output.
    static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    // One at a time prints: the main thread, or the task that it waits for.
    nonisolated(unsafe) private static var buffer: [UInt8] = []
    private static let bufferBytes = 1 << 16

    /// Appends bytes to standard output; buffered until ``flush()``.
    ///
    /// A write that fails (a full disk) ends the program with a message: output that is silently short is worse.
    static func write(_ bytes: some Sequence<UInt8>) {
        self.buffer.append(contentsOf: bytes)
        if self.buffer.count >= self.bufferBytes { self.flush() }
    }

    /// Appends text to standard output.
    static func write(_ text: String) { self.write(text.utf8) }

    /// Hands everything written to the system.
    static func flush() {
        var start = 0
        while start < self.buffer.count {
            let written = self.buffer.withUnsafeBytes { bytes in
                Glibc.write(STDOUT_FILENO, bytes.baseAddress?.advanced(by: start), bytes.count - start)
            }
            if written < 0, errno != EINTR { self.failed() }
            start += max(0, written)
        }
        self.buffer.removeAll(keepingCapacity: true)
    }

    /// Writes a message for the person at the terminal.
    static func note(_ text: String) { Self.error(text + "\n") }

    /// Writes to standard error at once.
    static func error(_ text: String) {
        let block = Array(text.utf8)
        _ = Glibc.write(STDERR_FILENO, block, block.count)
    }

    private static func failed() -> Never {
        Self.note("cprs: cannot write to standard output: \(String(cString: strerror(errno)))")
        exit(74)  // EX_IOERR of sysexits.h
    }
}
