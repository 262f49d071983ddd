internal import CPRSCore

/// The search for one regex in one stream: leftmost-longest, non-overlapping, one pass, no byte looked at twice.
///
/// A *thread* is a state and the offset where its candidate match began. Threads are kept in the order of their
/// starts, and a state belongs to the first thread that reaches it: whatever a later one could still match there, the
/// earlier one matches too, from further left.
///
/// The usual way to go on after a match is to search again from its end; as a longer match may have been hoped for
/// until far beyond, that is quadratic. Here, later candidates are followed at the same time: a match is *tentative*
/// while a thread with the same or an earlier start is alive. If such a thread matches, it replaces all tentative
/// matches and threads that start later (they lie inside the new match); if all such threads die, the match is final.
/// A later thread absorbed by an earlier one is no loss: if the earlier one matches, the later is inside of it, and
/// if not, neither does the later.
///
/// Sources: Pike's virtual machine as described by Cox, "Regular Expression Matching: the Virtual Machine Approach",
/// 2009; the tentative matches are our own addition.
struct RegexScan: Sendable {
    private struct Thread {
        var state: Int32
        var start: Int
    }

    /// A place between two scalars.
    struct Place {
        /// From the start of the stream, in bytes.
        var offset: Int
        /// What holds here.
        var assertions: Assertions
        /// The scalar that follows; `UTF8Scalar.invalid` for a stray byte or the end of the stream.
        var scalar: UInt32
        /// The category of `scalar`; empty if it is ASCII or no set asks for it.
        var category: ScalarCategories
    }

    let program: RegexProgram
    /// Threads that have consumed the scalar before the next place, in ascending order of start.
    private var threads: [Thread] = []
    private var nextThreads: [Thread] = []
    /// Matches that a living thread may still replace, in ascending order, disjoint.
    private var tentative: [ByteRange] = []
    /// The round in which each state was last visited.
    private var visited: [Int]
    private var round = 0
    private var stack: [Int32] = []
    /// States visited so far, the measure of the work; at most two per state and place, plus one per thread.
    private(set) var steps = 0

    init(_ program: RegexProgram) {
        self.program = program
        self.visited = [Int](repeating: 0, count: program.instructions.count)
    }

    /// Whether no candidate is open: the scan may skip to a byte that can begin a match.
    var isIdle: Bool { self.threads.isEmpty }

    /// The start of the first match that is still possible, if it has begun.
    var firstOpenStart: Int? {
        guard let tentative = self.tentative.first?.lowerBound else { return self.threads.first?.start }
        return min(tentative, self.threads.first?.start ?? tentative)
    }

    /// Moves over `place` and its scalar; appends the matches that became final.
    mutating func cross(_ place: Place, into matches: inout [ByteRange]) {
        self.round += 1
        self.nextThreads.removeAll(keepingCapacity: true)
        var matchStart: Int?
        var isEnding = false
        for thread in self.threads {
            if let matchStart, thread.start > matchStart { break }
            // The oldest come first. One that is too old may match here but goes no further, and what it visits must
            // not be barred to the others: hence their own round.
            let isTooOld = place.offset - thread.start >= PatternLimits.matchBytes - 3
            if isEnding, !isTooOld { self.round += 1 }
            isEnding = isTooOld
            let isMatch = self.follow(thread, at: place, consuming: !isTooOld)
            if isMatch { matchStart = thread.start }
        }
        if isEnding { self.round += 1 }
        if let matchStart { self.record(matchStart..<place.offset) }
        _ = self.follow(Thread(state: self.program.entry, start: place.offset), at: place, consuming: true)
        swap(&self.threads, &self.nextThreads)
        if !self.tentative.isEmpty { self.release(into: &matches) }
    }

    /// Visits the states that `thread` reaches without consuming; those that accept the next scalar consume it.
    ///
    /// - Returns: whether the match state is among them.
    private mutating func follow(_ thread: Thread, at place: Place, consuming: Bool) -> Bool {
        var isMatch = false
        var state = thread.state
        while true {
            self.steps += 1
            if self.visited[Int(state)] != self.round {
                self.visited[Int(state)] = self.round
                switch self.program.instructions[Int(state)] {
                case .scalar(let value, let next):
                    if consuming, value == place.scalar {
                        self.nextThreads.append(Thread(state: next, start: thread.start))
                    }
                case .set(let index, let next):
                    if consuming, place.scalar != UTF8Scalar.invalid,
                        self.program.sets[Int(index)].contains(place.scalar, category: place.category)
                    {
                        self.nextThreads.append(Thread(state: next, start: thread.start))
                    }
                case .assertion(let assertion, let next):
                    if place.assertions.contains(assertion) {
                        state = next
                        continue
                    }
                case .jump(let next):
                    state = next
                    continue
                case .split(let first, let second):
                    self.stack.append(second)
                    state = first
                    continue
                case .match:
                    isMatch = true
                }
            }
            guard let waiting = self.stack.popLast() else { return isMatch }
            state = waiting
        }
    }

    private mutating func record(_ match: ByteRange) {
        while let last = self.tentative.last, last.lowerBound >= match.lowerBound { self.tentative.removeLast() }
        self.tentative.append(match)
    }

    /// Appends the tentative matches that no living thread can replace.
    private mutating func release(into matches: inout [ByteRange]) {
        let firstAlive = self.threads.first?.start ?? Int.max
        let count = self.tentative.firstIndex { $0.lowerBound >= firstAlive } ?? self.tentative.count
        guard count > 0 else { return }
        matches += self.tentative[..<count]
        self.tentative.removeFirst(count)
    }
}
