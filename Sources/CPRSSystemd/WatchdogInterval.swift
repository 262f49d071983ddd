package import CPRSCore

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// How often the service manager wants a sign of life.
///
/// Source: sd_watchdog_enabled(3).
package enum WatchdogInterval {
    /// The longest time between two signs of life, or nil if nobody watches this process.
    ///
    /// - Throws: `invalidArgument` if `WATCHDOG_USEC` or `WATCHDOG_PID` is not a positive number.
    package static func current(
        environment: [String: String], processID: Int32 = getpid()
    ) throws(CPRSError) -> Duration? {
        guard let text = environment["WATCHDOG_USEC"] else { return nil }
        if let forProcess = environment["WATCHDOG_PID"] {
            guard let addressee = Int32(forProcess), addressee > 0 else {
                throw CPRSError(
                    code: .invalidArgument, message: "WATCHDOG_PID must be a process id (got '\(forProcess)')")
            }
            guard addressee == processID else { return nil }
        }
        guard let microseconds = Int64(text), microseconds > 0 else {
            throw CPRSError(
                code: .invalidArgument, message: "WATCHDOG_USEC must be a positive number (got '\(text)')")
        }
        return .microseconds(microseconds)
    }
}
