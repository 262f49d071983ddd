package import CPRSCore

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// Tells the service manager how the service does: one datagram of `KEY=value` lines to the socket that it named.
///
/// Source: sd_notify(3).
package struct ServiceNotifier: Sendable {
    /// One line of a notification.
    package enum Field: Hashable, Sendable {
        /// Start-up, or a reload, is complete.
        case ready
        /// The configuration is being read again; ``ready`` ends it. Carries the time, which `Type=notify-reload` needs.
        case reloading
        /// The service is about to end.
        case stopping
        /// The service makes progress.
        case watchdog
        /// One line for people, shown by `systemctl status`.
        case status(String)
    }

    /// `NOTIFY_SOCKET`: a path, or `@` and an abstract name.
    package let address: String

    /// The notifier of a process that a service manager started; nil if none listens.
    ///
    /// - Throws: `invalidArgument` if the address is neither a path nor an abstract name, or is too long.
    package init?(environment: [String: String]) throws(CPRSError) {
        guard let address = environment["NOTIFY_SOCKET"], !address.isEmpty else { return nil }
        guard address.hasPrefix("/") || address.hasPrefix("@") else {
            throw CPRSError(
                code: .invalidArgument,
                message: "NOTIFY_SOCKET must be a path or @ and an abstract name (got '\(address)')")
        }
        let capacity = MemoryLayout.size(ofValue: sockaddr_un().sun_path)
        guard address.utf8.count < capacity else {
            throw CPRSError(
                code: .invalidArgument,
                message: "NOTIFY_SOCKET must have at most \(capacity - 1) bytes (got \(address.utf8.count))")
        }
        self.address = address
    }

    /// Sends one notification.
    ///
    /// - Throws: `notFound` if the service manager does not take it.
    package func send(_ fields: Field...) throws(CPRSError) { try self.send(fields) }

    /// Sends one notification.
    ///
    /// - Throws: `notFound` if the service manager does not take it.
    package func send(_ fields: [Field]) throws(CPRSError) {
        let message = fields.flatMap(\.lines).joined(separator: "\n")
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw self.failure() }
        defer { close(descriptor) }
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &name.sun_path) {
            $0.copyBytes(from: self.address.utf8)
            // An abstract name begins with a zero byte, written as @.
            if self.address.hasPrefix("@") { $0[0] = 0 }
        }
        // An abstract name ends where the length says, not at a zero byte.
        let length = MemoryLayout<sockaddr_un>.offset(of: \.sun_path)! + self.address.utf8.count
        let sent = withUnsafePointer(to: name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, message, message.utf8.count, Int32(MSG_NOSIGNAL), $0, socklen_t(length))
            }
        }
        guard sent == message.utf8.count else { throw self.failure() }
    }

    private func failure() -> CPRSError {
        CPRSError(
            code: .notFound,
            message: "cannot notify the service manager at \(self.address): \(String(cString: strerror(errno)))")
    }
}

extension ServiceNotifier.Field {
    fileprivate var lines: [String] {
        switch self {
        case .ready: ["READY=1"]
        case .reloading: ["RELOADING=1", "MONOTONIC_USEC=\(Self.monotonicMicroseconds())"]
        case .stopping: ["STOPPING=1"]
        case .watchdog: ["WATCHDOG=1"]
        // A line break would start another field.
        case .status(let text): ["STATUS=" + text.split(whereSeparator: \.isNewline).joined(separator: " ")]
        }
    }

    private static func monotonicMicroseconds() -> Int {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return now.tv_sec * 1_000_000 + now.tv_nsec / 1000
    }
}
