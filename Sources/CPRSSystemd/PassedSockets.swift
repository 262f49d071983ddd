package import CPRSCore

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// A listening socket that the service manager opened for this process.
///
/// Source: sd_listen_fds(3).
package struct PassedSocket: Hashable, Sendable {
    /// Where descriptors start: `SD_LISTEN_FDS_START`.
    package static let firstDescriptor: Int32 = 3

    /// Open, closed in child processes.
    package let descriptor: Int32
    /// `FileDescriptorName=` of the socket unit; by default the unit's name.
    package let name: String

    /// The sockets that were passed to this process, none if there are none.
    ///
    /// - Parameters:
    ///   - environment: `LISTEN_PID`, `LISTEN_FDS`, `LISTEN_FDNAMES`.
    ///   - processID: this process; variables meant for another one are not ours.
    ///   - first: number of the first descriptor; another one only in tests.
    /// - Throws: `invalidArgument` for a variable that cannot be, or a descriptor that is not a listening Unix stream socket,
    ///   saying which and why.
    package static func all(
        environment: [String: String], processID: Int32 = getpid(), first: Int32 = Self.firstDescriptor
    ) throws(CPRSError) -> [PassedSocket] {
        guard let forProcess = environment["LISTEN_PID"], let countText = environment["LISTEN_FDS"] else { return [] }
        guard let addressee = Int32(forProcess) else {
            throw CPRSError(code: .invalidArgument, message: "LISTEN_PID must be a process id (got '\(forProcess)')")
        }
        guard addressee == processID else { return [] }
        guard let count = Int32(countText), (0...Self.maxSockets).contains(count) else {
            throw CPRSError(
                code: .invalidArgument, message: "LISTEN_FDS must be in 0...\(Self.maxSockets) (got '\(countText)')")
        }
        let names = environment["LISTEN_FDNAMES"]?.split(separator: ":", omittingEmptySubsequences: false) ?? []
        var sockets: [PassedSocket] = []
        for offset in 0..<count {
            let name = Int(offset) < names.count ? String(names[Int(offset)]) : "unknown"
            let socket = PassedSocket(descriptor: first + offset, name: name)
            try socket.check()
            sockets.append(socket)
        }
        return sockets
    }

    /// More than anybody passes, and few enough to check.
    private static let maxSockets: Int32 = 64

    private func check() throws(CPRSError) {
        guard fcntl(self.descriptor, F_SETFD, FD_CLOEXEC) == 0 else {
            throw self.refusal("is not open: \(String(cString: strerror(errno)))")
        }
        guard let domain = self.option(SO_DOMAIN) else {
            throw self.refusal("is not a socket: \(String(cString: strerror(errno)))")
        }
        guard domain == AF_UNIX else { throw self.refusal("must be a Unix socket (its address family is \(domain))") }
        guard self.option(SO_TYPE) == Int32(SOCK_STREAM.rawValue) else {
            throw self.refusal("must be a stream socket (ListenStream=)")
        }
        guard self.option(SO_ACCEPTCONN) == 1 else { throw self.refusal("must be listening (Accept=no)") }
    }

    private func option(_ name: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(self.descriptor, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
    }

    private func refusal(_ defect: String) -> CPRSError {
        CPRSError(code: .invalidArgument, message: "passed descriptor \(self.descriptor) ('\(self.name)') \(defect)")
    }
}
