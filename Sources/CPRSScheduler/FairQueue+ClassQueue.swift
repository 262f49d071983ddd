extension FairQueue {
    /// An element that waits.
    struct Entry: Sendable {
        var number: UInt64
        var cost: Int
        var element: Element
    }

    /// One user's requests of one class.
    struct UserQueue: Sendable {
        var clock = FairClock<UInt64>()
        var requests: [UInt64: [Entry]] = [:]
    }

    /// The work of one class: users take turns, and within each its requests.
    struct ClassQueue: Sendable {
        private var clock = FairClock<UInt32>()
        private var users: [UInt32: UserQueue] = [:]
        private(set) var count = 0

        mutating func append(_ entry: Entry, for owner: WorkOwner) {
            self.users[owner.user, default: UserQueue()].requests[owner.request, default: []].append(entry)
            self.users[owner.user]?.clock.activate(owner.request)
            self.clock.activate(owner.user)
            self.count += 1
        }

        /// The element whose turn it is; its owner's urgency is of no meaning here.
        func peek() -> (owner: WorkOwner, entry: Entry)? {
            guard let user = self.clock.next(), let queue = self.users[user], let request = queue.clock.next(),
                let entry = queue.requests[request]?.first
            else { return nil }
            return (WorkOwner(user: user, request: request), entry)
        }

        mutating func takeFirst(of owner: WorkOwner) {
            guard let entry = self.users[owner.user]?.requests[owner.request]?.first else { return }
            self.clock.charge(owner.user, cost: entry.cost)
            self.users[owner.user]?.clock.charge(owner.request, cost: entry.cost)
            _ = self.remove(entry.number, of: owner)
        }

        mutating func remove(_ number: UInt64, of owner: WorkOwner) -> Entry? {
            guard let queue = self.users[owner.user]?.requests[owner.request],
                let index = queue.firstIndex(where: { $0.number == number })
            else { return nil }
            let entry = queue[index]
            self.users[owner.user]?.requests[owner.request]?.remove(at: index)
            self.count -= 1
            guard queue.count == 1 else { return entry }
            self.users[owner.user]?.requests[owner.request] = nil
            self.users[owner.user]?.clock.deactivate(owner.request)
            if self.users[owner.user]?.requests.isEmpty == true {
                // The requests' own debts go with the user's last window: they settle within a user, among friends.
                self.users[owner.user] = nil
                self.clock.deactivate(owner.user)
            }
            return entry
        }
    }
}
