package import CPRSCore
internal import Glibc

/// Who is at the other end of a Unix socket, as the kernel recorded it when the peer connected.
package struct PeerCredentials: Hashable, Sendable {
    package var userID: UInt32
    package var processID: Int32
    /// The primary group and, where the kernel tells them, the supplementary ones.
    package var groupIDs: [UInt32]

    package init(userID: UInt32, processID: Int32, groupIDs: [UInt32]) {
        self.userID = userID
        self.processID = processID
        self.groupIDs = groupIDs
    }

    /// Reads a connected socket's peer.
    ///
    /// - Throws: `invalidArgument` if it is not a connected Unix socket.
    ///
    /// Source: unix(7), SO_PEERCRED; SO_PEERGROUPS since Linux 4.13.
    package init(socket descriptor: Int32) throws(CPRSError) {
        // struct ucred: process, user, group; Glibc's module leaves it out.
        var credentials: [UInt32] = [0, 0, 0]
        var length = socklen_t(credentials.count * MemoryLayout<UInt32>.stride)
        guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0 else {
            throw CPRSError(
                code: .invalidArgument,
                message: "descriptor \(descriptor) is not a connected Unix socket: \(String(cString: strerror(errno)))")
        }
        self.init(
            userID: credentials[1], processID: Int32(bitPattern: credentials[0]),
            groupIDs: [credentials[2]] + Self.supplementaryGroups(descriptor))
    }

    /// `SO_PEERGROUPS` of asm-generic/socket.h, which Glibc's module does not name.
    private static let peerGroupsOption: Int32 = 59

    private static func supplementaryGroups(_ descriptor: Int32) -> [UInt32] {
        // NGROUPS_MAX is 65536, but the common case fits here; when it does not, the kernel says how much it needs.
        var groups = [gid_t](repeating: 0, count: 64)
        for _ in 0..<2 {
            var length = socklen_t(groups.count * MemoryLayout<gid_t>.stride)
            let status = getsockopt(descriptor, SOL_SOCKET, Self.peerGroupsOption, &groups, &length)
            if status == 0 { return Array(groups.prefix(Int(length) / MemoryLayout<gid_t>.stride)) }
            guard errno == ERANGE else { return [] }
            groups = [gid_t](repeating: 0, count: Int(length) / MemoryLayout<gid_t>.stride)
        }
        return []
    }
}
