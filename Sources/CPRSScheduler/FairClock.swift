/// Decides whose turn it is among keys that cost different amounts: start-time fair queueing.
///
/// Every key has a start tag, the virtual time at which its next piece of work may begin; the least tag goes first, and
/// what it costs moves its tag on. A key that was away resumes at the present, so idleness earns no credit; a key that
/// leaves with a tag in the future keeps it, so leaving and coming back gains nothing.
///
/// Bound: two keys that wait all the while differ, over any interval, by at most the sum of their largest costs.
/// Source: Goyal, Vin & Cheng 1996, "Start-time Fair Queueing", doi:10.1145/248157.248171.
struct FairClock<Key: Hashable & Sendable>: Sendable {
    private struct Entry {
        var start: Int
        /// Breaks ties by arrival.
        var arrival: UInt64
        var isWaiting: Bool
    }

    private var entries: [Key: Entry] = [:]
    /// Start tag of the work that was last handed out.
    private var now = 0
    private var arrivals: UInt64 = 0

    /// Says that a key has work; does nothing if it already had.
    mutating func activate(_ key: Key) {
        let old = self.entries[key]
        if let old, old.isWaiting { return }
        self.arrivals += 1
        self.entries[key] = Entry(start: max(old?.start ?? 0, self.now), arrival: self.arrivals, isWaiting: true)
    }

    /// Says that a key has no more work; its tag is kept while it lies in the future.
    mutating func deactivate(_ key: Key) {
        self.entries[key]?.isWaiting = false
        if let entry = self.entries[key], entry.start <= self.now { self.entries[key] = nil }
    }

    /// The waiting key whose turn it is, or nil.
    ///
    /// - Complexity: O(keys): tens at most, and next to a window's milliseconds of arithmetic.
    func next() -> Key? {
        self.entries.filter { $0.value.isWaiting }
            .min { ($0.value.start, $0.value.arrival) < ($1.value.start, $1.value.arrival) }?.key
    }

    /// Says that a key's turn was used.
    ///
    /// - Parameter cost: at least 1, in any unit that is the same for all keys.
    mutating func charge(_ key: Key, cost: Int) {
        guard var entry = self.entries[key] else { return }
        self.now = entry.start
        self.arrivals += 1
        entry.start += max(1, cost)
        entry.arrival = self.arrivals
        self.entries[key] = entry
        // Forgets keys that are away and whose tags the present has passed: memory follows the keys that wait.
        for (other, entry) in self.entries where !entry.isWaiting && entry.start <= self.now {
            self.entries[other] = nil
        }
    }

    /// Forgets everything; right when the server is idle, for then nobody is owed anything.
    mutating func reset() { self = Self() }
}
