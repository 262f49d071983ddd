/// Windows that wait to be scored, and the order in which they are.
///
/// Three levels. Interactive work goes before batch work, which gets ``batchShare`` of the tokens while both wait. Within
/// a class, users take turns by the tokens they cost (``FairClock``); within a user, requests do; within a request, order
/// of arrival. A pure value: no clock, no threads.
package struct FairQueue<Element: Sendable>: Sendable {
    /// Where an element lies, to take it out again.
    package struct Ticket: Hashable, Sendable {
        package let owner: WorkOwner
        fileprivate let number: UInt64
    }

    /// How many elements may wait.
    package struct Limits: Hashable, Sendable {
        /// In all.
        package var total: Int
        /// Of one user, so that one user's crowd does not shut the others out.
        package var perUser: Int

        package init(total: Int, perUser: Int) {
            self.total = total
            self.perUser = perUser
        }
    }

    /// The part of the tokens that batch work gets while interactive work waits too: one in nine.
    package static var batchShare: Double { 1.0 / Double(Self.interactivePerBatch + 1) }
    private static var interactivePerBatch: Int { 8 }

    private struct Entry {
        var number: UInt64
        var cost: Int
        var element: Element
    }

    /// One user's requests of one class.
    private struct UserQueue {
        var clock = FairClock<UInt64>()
        var requests: [UInt64: [Entry]] = [:]
    }

    /// One class.
    private struct ClassQueue {
        var clock = FairClock<UInt32>()
        var users: [UInt32: UserQueue] = [:]
        var count = 0
    }

    package let limits: Limits
    private var classes = WorkOwner.Urgency.allCases.map { _ in ClassQueue() }
    private var waitingPerUser: [UInt32: Int] = [:]
    /// Eighths of a token that interactive work, served while batch work waited, has earned the latter.
    private var batchCredit = 0
    private var numbers: UInt64 = 0

    /// Elements that wait.
    package private(set) var count = 0
    /// Sum of their costs.
    package private(set) var cost = 0

    package init(limits: Limits) { self.limits = limits }

    /// Adds an element.
    ///
    /// - Parameter cost: what scoring it takes, in tokens.
    /// - Returns: nil if the queue, or this user's part of it, is full.
    package mutating func append(_ element: Element, for owner: WorkOwner, cost: Int) -> Ticket? {
        let ofUser = self.waitingPerUser[owner.user, default: 0]
        guard self.count < self.limits.total, ofUser < self.limits.perUser else { return nil }
        self.numbers += 1
        let entry = Entry(number: self.numbers, cost: max(1, cost), element: element)
        self.classes[owner.urgency.rawValue].append(entry, for: owner)
        self.waitingPerUser[owner.user] = ofUser + 1
        self.count += 1
        self.cost += entry.cost
        return Ticket(owner: owner, number: entry.number)
    }

    /// Takes the element whose turn it is.
    ///
    /// - Parameter accepts: looks at that element and its cost; if it answers false, nothing is taken.
    /// - Returns: nil if nothing waits or `accepts` declined. An empty queue forgets who was owed what: call it only when
    ///   the previous element is done.
    package mutating func popNext(where accepts: (Element, Int) -> Bool = { _, _ in true }) -> Element? {
        guard self.count > 0 else {
            self.forgetDebts()
            return nil
        }
        let urgency = self.nextClass()
        guard let (owner, entry) = self.classes[urgency.rawValue].peek(), accepts(entry.element, entry.cost) else {
            return nil
        }
        self.classes[urgency.rawValue].takeFirst(of: owner)
        self.settle(urgency, cost: entry.cost)
        self.forget(entry, of: owner.user)
        return entry.element
    }

    /// Takes an element out of turn, because nobody waits for it any more; costs its owner nothing.
    package mutating func remove(_ ticket: Ticket) -> Element? {
        guard let entry = self.classes[ticket.owner.urgency.rawValue].remove(ticket.number, of: ticket.owner) else {
            return nil
        }
        self.forget(entry, of: ticket.owner.user)
        return entry.element
    }

    /// Elements of one user that wait.
    package func count(ofUser user: UInt32) -> Int { self.waitingPerUser[user, default: 0] }

    private func nextClass() -> WorkOwner.Urgency {
        guard let batch = self.classes[WorkOwner.Urgency.batch.rawValue].peek() else { return .interactive }
        if self.classes[WorkOwner.Urgency.interactive.rawValue].count == 0 { return .batch }
        return self.batchCredit >= batch.entry.cost * Self.interactivePerBatch ? .batch : .interactive
    }

    private mutating func settle(_ urgency: WorkOwner.Urgency, cost: Int) {
        let others = self.classes.indices.filter { $0 != urgency.rawValue && self.classes[$0].count > 0 }
        switch urgency {
        case _ where others.isEmpty: self.batchCredit = 0
        case .interactive: self.batchCredit += cost
        case .batch: self.batchCredit = max(0, self.batchCredit - cost * Self.interactivePerBatch)
        }
    }

    private mutating func forget(_ entry: Entry, of user: UInt32) {
        self.count -= 1
        self.cost -= entry.cost
        let left = self.waitingPerUser[user, default: 1] - 1
        self.waitingPerUser[user] = left == 0 ? nil : left
    }

    private mutating func forgetDebts() {
        self.batchCredit = 0
        for index in self.classes.indices { self.classes[index] = ClassQueue() }
    }
}

extension FairQueue.ClassQueue {
    fileprivate mutating func append(_ entry: FairQueue.Entry, for owner: WorkOwner) {
        self.users[owner.user, default: FairQueue.UserQueue()].requests[owner.request, default: []].append(entry)
        self.users[owner.user]?.clock.activate(owner.request)
        self.clock.activate(owner.user)
        self.count += 1
    }

    /// The element whose turn it is; its owner's urgency is of no meaning here.
    fileprivate func peek() -> (owner: WorkOwner, entry: FairQueue.Entry)? {
        guard let user = self.clock.next(), let queue = self.users[user], let request = queue.clock.next(),
            let entry = queue.requests[request]?.first
        else { return nil }
        return (WorkOwner(user: user, request: request), entry)
    }

    fileprivate mutating func takeFirst(of owner: WorkOwner) {
        guard let entry = self.users[owner.user]?.requests[owner.request]?.first else { return }
        self.clock.charge(owner.user, cost: entry.cost)
        self.users[owner.user]?.clock.charge(owner.request, cost: entry.cost)
        _ = self.remove(entry.number, of: owner)
    }

    fileprivate mutating func remove(_ number: UInt64, of owner: WorkOwner) -> FairQueue.Entry? {
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
