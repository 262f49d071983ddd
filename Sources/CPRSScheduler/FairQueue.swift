/// How many elements a queue holds.
package struct QueueLimits: Hashable, Sendable {
    /// In all.
    package var total: Int
    /// Of one user, so that one user's crowd does not shut the others out.
    package var perUser: Int

    package init(total: Int, perUser: Int) {
        self.total = total
        self.perUser = perUser
    }
}

/// Windows that wait to be scored, and the order in which they are.
///
/// Three levels. Interactive work goes before batch work, which gets ``batchShare`` of the tokens while both wait. Within
/// a class, users take turns by the tokens they cost (``FairClock``); within a user, requests do; within a request, order
/// of arrival. A pure value: no clock, no threads.
package struct FairQueue<Element: Sendable>: Sendable {
    /// Where an element lies, to take it out again.
    package struct Ticket: Hashable, Sendable {
        package let owner: WorkOwner
        let number: UInt64
    }

    /// The part of the tokens that batch work gets while interactive work waits too: one in nine.
    package static var batchShare: Double { 1.0 / Double(Self.interactivePerBatch + 1) }
    private static var interactivePerBatch: Int { 8 }

    package let limits: QueueLimits
    private var classes = WorkOwner.Urgency.allCases.map { _ in ClassQueue() }
    private var waitingPerUser: [UInt32: Int] = [:]
    /// Eighths of a token that interactive work, served while batch work waited, has earned the latter.
    private var batchCredit = 0
    private var numbers: UInt64 = 0

    /// Elements that wait.
    package private(set) var count = 0
    /// Sum of their costs.
    package private(set) var cost = 0

    package init(limits: QueueLimits) { self.limits = limits }

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
    /// - Parameter accepts: looks at that element; if it answers false, nothing is taken.
    /// - Returns: nil if nothing waits or `accepts` declined. An empty queue forgets who was owed what: call it only when
    ///   the previous element is done.
    package mutating func popNext(where accepts: (Element) -> Bool = { _ in true }) -> Element? {
        guard self.count > 0 else {
            self.forgetDebts()
            return nil
        }
        let urgency = self.nextClass()
        guard let (owner, entry) = self.classes[urgency.rawValue].peek(), accepts(entry.element) else {
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
