package import CPRSCore
internal import Glibc

/// A Unix stream socket that listens, made here or handed over by whoever started the process.
package struct ListeningSocket: Sendable {
    /// Owned by whoever serves on it.
    package let descriptor: Int32
    /// Where it lies; nil for one that was handed over, which is not ours to remove.
    package let path: String?
    /// Connections that may wait to be accepted.
    private static let backlog: Int32 = 128

    /// Creates a socket file.
    ///
    /// A socket that nobody listens on any more is replaced; nothing else is.
    ///
    /// - Parameters:
    ///   - path: at most 107 bytes.
    ///   - mode: permission bits; who may write may connect.
    ///   - groupID: the file's group; nil to leave it.
    /// - Throws: `invalidArgument` for a path that is too long or taken, saying by what; `notFound` where the system
    ///   refuses.
    package static func open(path: String, mode: UInt32 = 0o660, groupID: UInt32? = nil) throws(CPRSError) -> Self {
        let address = try Self.address(path)
        try Self.removeDeadSocket(path, address)
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Self.failure("cannot create a socket for \(path)") }
        do {
            try Self.check(Self.with(address) { bind(descriptor, $0, $1) }, "cannot bind \(path)")
            // Nobody can connect before listen(), so nobody gets in under the default permissions.
            try Self.check(chmod(path, mode), "cannot set the mode of \(path)")
            if let groupID {
                try Self.check(chown(path, uid_t.max, groupID), "cannot give \(path) to group \(groupID)")
            }
            try Self.check(listen(descriptor, Self.backlog), "cannot listen on \(path)")
        } catch {
            close(descriptor)
            throw error
        }
        return Self(descriptor: descriptor, path: path)
    }

    /// Takes over a descriptor.
    ///
    /// - Throws: `invalidArgument` if it is not a Unix stream socket that listens.
    package static func inherited(_ descriptor: Int32) throws(CPRSError) -> Self {
        let facts = [
            (SO_DOMAIN, AF_UNIX, "a Unix socket"), (SO_TYPE, Int32(SOCK_STREAM.rawValue), "a stream socket"),
            (SO_ACCEPTCONN, 1, "listening"),
        ]
        for (option, expected, meaning) in facts {
            var value: Int32 = 0
            var length = socklen_t(MemoryLayout<Int32>.size)
            guard getsockopt(descriptor, SOL_SOCKET, option, &value, &length) == 0, value == expected else {
                throw CPRSError(code: .invalidArgument, message: "descriptor \(descriptor) is not \(meaning)")
            }
        }
        return Self(descriptor: descriptor, path: nil)
    }

    /// Removes the socket file, if it is ours. Call it after the last connection was accepted.
    package func removeFile() {
        if let path = self.path { unlink(path) }
    }

    /// Refuses what is in the way, unless it is a socket that nobody listens on.
    private static func removeDeadSocket(_ path: String, _ address: sockaddr_un) throws(CPRSError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw CPRSError(code: .invalidArgument, message: "\(path) exists and is not a socket; choose another path")
        }
        let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard probe >= 0 else { throw Self.failure("cannot create a socket to probe \(path)") }
        defer { close(probe) }
        if Self.with(address, { connect(probe, $0, $1) }) == 0 {
            throw CPRSError(code: .invalidArgument, message: "another process listens on \(path)")
        }
        guard errno == ECONNREFUSED else { throw Self.failure("cannot tell whether somebody listens on \(path)") }
        try Self.check(unlink(path), "cannot remove the dead socket \(path)")
    }

    private static func address(_ path: String) throws(CPRSError) -> sockaddr_un {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count < capacity, !bytes.contains(0) else {
            throw CPRSError(
                code: .invalidArgument,
                message: "a socket path must have 1 to \(capacity - 1) bytes and no NUL (got \(bytes.count): '\(path)')"
            )
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return address
    }

    private static func with(_ address: sockaddr_un, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    private static func check(_ status: Int32, _ what: String) throws(CPRSError) {
        if status != 0 { throw Self.failure(what) }
    }

    private static func failure(_ what: String) -> CPRSError {
        CPRSError(code: .notFound, message: "\(what): \(String(cString: strerror(errno)))")
    }
}
