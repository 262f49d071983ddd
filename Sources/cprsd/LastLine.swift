internal import Glibc
internal import Synchronization

/// The end of the process from within a signal handler.
///
/// Does only what signal-safety(7) allows: no allocation, no lock.
enum LastLine {
    /// Whether a thread is ending the process; several may find the same reason at the same time.
    private static let isEnding = Atomic(false)

    /// To be called before a handler may run: makes what a handler must not make.
    static func prepare() { _ = Self.isEnding.load(ordering: .relaxed) }

    /// Writes a line to standard error and ends the process, once.
    static func end(_ line: StaticString, exitCode: Int32) -> Never {
        guard !Self.isEnding.exchange(true, ordering: .relaxed) else {
            while true { pause() }
        }
        _ = write(STDERR_FILENO, line.utf8Start, line.utf8CodeUnitCount)
        _exit(exitCode)
    }
}
