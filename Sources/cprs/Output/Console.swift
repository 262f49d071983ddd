internal import Glibc

/// Standard output and error, without Foundation.
enum Console {
    /// Whether a person is looking at standard error.
    static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Whether a person is looking at standard output.
    static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Appends bytes to standard output; buffered until ``flush()``.
    ///
    /// A write that fails (a full disk) ends the program with a message: output that is silently short is worse.
    static func write(_ bytes: some Sequence<UInt8>) {
        let block = Array(bytes)
        if fwrite(block, 1, block.count, stdout) != block.count { Self.failed() }
    }

    /// Appends text to standard output.
    static func write(_ text: String) { self.write(text.utf8) }

    /// Hands everything written to the system.
    static func flush() {
        if fflush(stdout) != 0 { Self.failed() }
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
