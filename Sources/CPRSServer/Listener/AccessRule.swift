/// Which users may connect.
package struct AccessRule: Hashable, Sendable {
    /// User ids that may; nil for no rule by user.
    package var userIDs: Set<UInt32>?
    /// Group ids whose members may; nil for no rule by group.
    package var groupIDs: Set<UInt32>?

    /// Everybody who can open the socket.
    package static let everybody = AccessRule()

    package init(userIDs: Set<UInt32>? = nil, groupIDs: Set<UInt32>? = nil) {
        self.userIDs = userIDs
        self.groupIDs = groupIDs
    }

    /// Whether a peer may connect: by its user or by one of its groups. Without any rule everybody may.
    package func allows(_ peer: PeerCredentials) -> Bool {
        if self.userIDs == nil, self.groupIDs == nil { return true }
        if self.userIDs?.contains(peer.userID) == true { return true }
        return self.groupIDs.map { groups in peer.groupIDs.contains { groups.contains($0) } } ?? false
    }
}
