import CPRSScheduler
import CPRSTestSupport
import Testing

@Suite("the fair queue")
struct FairQueueTests {
    /// Who a popped element belonged to and what it cost.
    struct Item: Hashable, Sendable {
        var owner: WorkOwner
        var index: Int
        var cost: Int
    }

    static let roomy = QueueLimits(total: 1 << 20, perUser: 1 << 20)

    /// Adds work that must fit.
    static func add(_ item: Item, to queue: inout FairQueue<Item>) {
        #expect(queue.append(item, for: item.owner, cost: item.cost) != nil)
    }

    @Test("users with unequal numbers and sizes of windows get at least 0.7 of their fair share", arguments: 1...8)
    func fairShares(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var queue = FairQueue<Item>(limits: Self.roomy)
        let users = 2 + Int(seed % 5)
        var nextIndex = 0
        // User u keeps 1 + 7u requests waiting, of windows up to 100 + 500u tokens: closed loops of very unequal size.
        func submit(_ user: Int, _ request: UInt64) {
            let cost = 50 + Int.random(in: 0...(50 + 500 * user), using: &generator)
            nextIndex += 1
            let owner = WorkOwner(user: UInt32(user), request: request)
            Self.add(Item(owner: owner, index: nextIndex, cost: cost), to: &queue)
        }
        for user in 0..<users {
            for request in 0..<UInt64(1 + 7 * user) { submit(user, request) }
        }
        var served = Array(repeating: 0, count: users)
        var running: Item?
        while served.reduce(0, +) < 2_000_000 {
            // A request submits its next window while another one is being scored, never before its own is done.
            let next = queue.popNext()
            if let done = running { submit(Int(done.owner.user), done.owner.request) }
            if let next { served[Int(next.owner.user)] += next.cost }
            running = next
        }
        let fair = Double(served.reduce(0, +)) / Double(users)
        for (user, tokens) in served.enumerated() where user > 0 {
            #expect(Double(tokens) >= 0.7 * fair, "user \(user) got \(tokens) of \(fair), seed \(seed)")
        }
        // A lone closed loop is away while its own window runs, so it may use less than is its due, but it never waits for
        // more than one window of each of the others.
        #expect(served[0] > 0)
    }

    @Test("a user with one request gets half of the tokens beside a user with sixty-three")
    func loneRequest() {
        var queue = FairQueue<Item>(limits: Self.roomy)
        let lone = WorkOwner(user: 1, request: 0)
        for request in 0..<63 as Range<UInt64> {
            for index in 0..<40 {
                Self.add(Item(owner: WorkOwner(user: 2, request: request), index: index, cost: 100), to: &queue)
            }
        }
        for index in 0..<500 { Self.add(Item(owner: lone, index: index, cost: 100), to: &queue) }
        let first = (0..<1000).compactMap { _ in queue.popNext() }
        #expect(first.count { $0.owner == lone } == 500)
    }

    @Test("every window comes out once, in its request's order, whatever is added, taken and removed", arguments: 1...6)
    func nothingIsLost(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var queue = FairQueue<Item>(limits: Self.roomy)
        var waiting: [Item: FairQueue<Item>.Ticket] = [:]
        var lastIndex: [WorkOwner: Int] = [:]
        for index in 0..<4000 {
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<5:
                let owner = WorkOwner(
                    user: .random(in: 0..<4, using: &generator), request: .random(in: 0..<3, using: &generator),
                    urgency: Bool.random(using: &generator) ? .interactive : .batch)
                let item = Item(owner: owner, index: index, cost: .random(in: 1...900, using: &generator))
                waiting[item] = queue.append(item, for: owner, cost: item.cost)
            case 5:
                guard let (item, ticket) = waiting.min(by: { $0.key.index < $1.key.index }) else { continue }
                #expect(queue.remove(ticket) == item)
                #expect(queue.remove(ticket) == nil)
                waiting[item] = nil
            default:
                let item = queue.popNext()
                #expect((item == nil) == waiting.isEmpty)
                guard let item else { continue }
                #expect(waiting.removeValue(forKey: item) != nil)
                #expect(item.index > lastIndex[item.owner, default: -1])
                lastIndex[item.owner] = item.index
            }
            #expect(queue.count == waiting.count)
            #expect(queue.cost == waiting.keys.reduce(0) { $0 + $1.cost })
        }
        while let item = queue.popNext() { #expect(waiting.removeValue(forKey: item) != nil) }
        #expect(waiting.isEmpty)
    }

    @Test("an interactive window waits for at most one window of every other user and one of the batch class")
    func interactiveBound() {
        for crowd in [0, 1, 3, 10] {
            var queue = FairQueue<Item>(limits: Self.roomy)
            for user in 0..<UInt32(crowd) {
                for index in 0..<50 {
                    Self.add(Item(owner: WorkOwner(user: user, request: 1), index: index, cost: 700), to: &queue)
                }
            }
            for index in 0..<200 {
                let owner = WorkOwner(user: 100, request: 1, urgency: .batch)
                Self.add(Item(owner: owner, index: index, cost: 700), to: &queue)
            }
            for _ in 0..<17 { _ = queue.popNext() }
            let late = WorkOwner(user: 200, request: 1)
            Self.add(Item(owner: late, index: 0, cost: 700), to: &queue)
            var before: [Item] = []
            while let item = queue.popNext(), item.owner != late { before.append(item) }
            #expect(before.count { $0.owner.urgency == .batch } <= 1)
            for user in 0..<UInt32(crowd) { #expect(before.count { $0.owner.user == user } <= 1) }
        }
    }

    @Test(
        "batch work gets one token in nine beside interactive work, whatever the windows' sizes", arguments: [90, 2000])
    func batchIsNotStarved(batchCost: Int) {
        var queue = FairQueue<Item>(limits: Self.roomy)
        for index in 0..<20_000 {
            Self.add(Item(owner: WorkOwner(user: 1, request: 1), index: index, cost: 300), to: &queue)
            let owner = WorkOwner(user: 2, request: 1, urgency: .batch)
            Self.add(Item(owner: owner, index: index, cost: batchCost), to: &queue)
        }
        var tokens: [WorkOwner.Urgency: Int] = [:]
        for _ in 0..<10_000 {
            guard let item = queue.popNext() else { break }
            tokens[item.owner.urgency, default: 0] += item.cost
        }
        let share = Double(tokens[.batch] ?? 0) / Double(tokens.values.reduce(0, +))
        #expect(abs(share - FairQueue<Item>.batchShare) < 0.005, "share \(share)")
    }

    @Test("a user who was away is served at the present, without credit for the past")
    func noCredit() {
        var queue = FairQueue<Item>(limits: Self.roomy)
        for index in 0..<1000 {
            Self.add(Item(owner: WorkOwner(user: 1, request: 1), index: index, cost: 10), to: &queue)
        }
        for _ in 0..<500 { _ = queue.popNext() }
        for index in 0..<500 {
            Self.add(Item(owner: WorkOwner(user: 2, request: 1), index: index, cost: 10), to: &queue)
        }
        let next = (0..<100).compactMap { _ in queue.popNext()?.owner.user }
        #expect((49...51).contains(next.count { $0 == 2 }))
    }

    @Test("a user cannot gain by leaving the queue between windows")
    func noGainByLeaving() {
        var queue = FairQueue<Item>(limits: Self.roomy)
        for index in 0..<5000 {
            Self.add(Item(owner: WorkOwner(user: 1, request: 1), index: index, cost: 10), to: &queue)
        }
        var served: [UInt32: Int] = [:]
        for index in 0..<2000 {
            // User 2 submits one large window at a time, as soon as the last one was taken.
            if queue.count(ofUser: 2) == 0 {
                Self.add(Item(owner: WorkOwner(user: 2, request: 1), index: index, cost: 1000), to: &queue)
            }
            if let item = queue.popNext() { served[item.owner.user, default: 0] += item.cost }
        }
        #expect(abs(served[1, default: 0] - served[2, default: 0]) <= 1010, "\(served)")
    }

    @Test("a full queue refuses, and one user's part of it is not the whole")
    func bounds() {
        var queue = FairQueue<Item>(limits: QueueLimits(total: 5, perUser: 3))
        func append(_ user: UInt32) -> FairQueue<Item>.Ticket? {
            let owner = WorkOwner(user: user, request: 1)
            return queue.append(Item(owner: owner, index: 0, cost: 1), for: owner, cost: 1)
        }
        let first = append(1)
        #expect(first != nil && append(1) != nil && append(1) != nil)
        #expect(append(1) == nil)
        #expect(append(2) != nil && append(2) != nil)
        #expect(append(3) == nil)
        if let first { #expect(queue.remove(first) != nil) }
        #expect(append(3) != nil)
    }
}
