internal import CPRSCore

/// The inner loop of a ``RegexScan``, on its memory as plain buffers.
///
/// Buffers, because with arrays in a struct each step pays for reference counts and uniqueness checks: it made the
/// loop several times slower. Their indices never come from the text: states are those of the program (every target
/// is one that the compiler emitted), and the counts are bounded by the number of states, since a state is visited
/// at most once per round and then adds at most one thread and one entry to the stack.
struct RegexMachine {
    typealias Thread = RegexScan.Thread
    typealias Place = RegexScan.Place

    /// What lasts from one chunk to the next besides the buffers.
    struct Status: Sendable {
        /// Threads that have consumed the scalar before the next place, in ascending order of start.
        var threadCount = 0
        /// Whether they are in the second list.
        var isSwapped = false
        var round = 0
        /// States visited so far, the measure of the work; at most three per state and place.
        var steps = 0
        /// Matches that a living thread may still replace, in ascending order, disjoint.
        var tentative: [ByteRange] = []
    }

    private let instructions: UnsafeBufferPointer<RegexProgram.Instruction>
    private let sets: UnsafeBufferPointer<ScalarSet>
    private let entry: Int32
    private var threads: UnsafeMutableBufferPointer<Thread>
    private var nextThreads: UnsafeMutableBufferPointer<Thread>
    private var nextCount = 0
    private let visited: UnsafeMutableBufferPointer<Int>
    private let stack: UnsafeMutableBufferPointer<Int32>
    private(set) var status: Status

    /// - Parameters:
    ///   - threads, nextThreads: the first and the second list, each with one element per state.
    ///   - visited, stack: one element per state.
    init(
        instructions: UnsafeBufferPointer<RegexProgram.Instruction>, sets: UnsafeBufferPointer<ScalarSet>, entry: Int32,
        threads: UnsafeMutableBufferPointer<Thread>, nextThreads: UnsafeMutableBufferPointer<Thread>,
        visited: UnsafeMutableBufferPointer<Int>, stack: UnsafeMutableBufferPointer<Int32>, status: Status
    ) {
        self.instructions = instructions
        self.sets = sets
        self.entry = entry
        self.threads = status.isSwapped ? nextThreads : threads
        self.nextThreads = status.isSwapped ? threads : nextThreads
        self.visited = visited
        self.stack = stack
        self.status = status
    }

    /// Whether no candidate is open: the scan may skip to a byte that can begin a match.
    var isIdle: Bool { self.status.threadCount == 0 }

    /// Moves over `place` and its scalar; appends the matches that became final.
    mutating func cross(_ place: Place, into matches: inout [ByteRange]) {
        self.status.round += 1
        self.nextCount = 0
        var matchStart = Int.max
        var isEnding = false
        for index in 0..<self.status.threadCount {
            let thread = self.threads[index]
            if thread.start > matchStart { break }
            // The oldest come first. One that is too old may match here but goes no further, and what it visits must
            // not be barred to the others: hence their own round.
            let isTooOld = place.offset - thread.start >= PatternLimits.matchBytes - 3
            if isEnding, !isTooOld { self.status.round += 1 }
            isEnding = isTooOld
            if self.follow(thread, at: place, consuming: !isTooOld) { matchStart = thread.start }
        }
        if isEnding { self.status.round += 1 }
        if matchStart < Int.max { self.record(matchStart..<place.offset) }
        _ = self.follow(Thread(state: self.entry, start: place.offset), at: place, consuming: true)
        swap(&self.threads, &self.nextThreads)
        self.status.isSwapped.toggle()
        self.status.threadCount = self.nextCount
        if !self.status.tentative.isEmpty { self.release(into: &matches) }
    }

    /// Visits the states that `thread` reaches without consuming; those that accept the next scalar consume it.
    ///
    /// - Returns: whether the match state is among them.
    @inline(__always)
    private mutating func follow(_ thread: Thread, at place: Place, consuming: Bool) -> Bool {
        var isMatch = false
        var state = thread.state
        var waiting = 0
        var steps = 0
        let round = self.status.round
        defer { self.status.steps += steps }
        while true {
            steps += 1
            if self.visited[Int(state)] != round {
                self.visited[Int(state)] = round
                switch self.instructions[Int(state)] {
                case .scalar(let value, let next):
                    if consuming, value == place.scalar { self.add(Thread(state: next, start: thread.start)) }
                case .set(let index, let next):
                    if consuming, place.scalar != UTF8Scalar.invalid,
                        self.sets[Int(index)].contains(place.scalar, category: place.category)
                    {
                        self.add(Thread(state: next, start: thread.start))
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
                    self.stack[waiting] = second
                    waiting += 1
                    state = first
                    continue
                case .match:
                    isMatch = true
                }
            }
            if waiting == 0 { return isMatch }
            waiting -= 1
            state = self.stack[waiting]
        }
    }

    @inline(__always)
    private mutating func add(_ thread: Thread) {
        self.nextThreads[self.nextCount] = thread
        self.nextCount += 1
    }

    private mutating func record(_ match: ByteRange) {
        while let last = self.status.tentative.last, last.lowerBound >= match.lowerBound {
            self.status.tentative.removeLast()
        }
        self.status.tentative.append(match)
    }

    /// Appends the tentative matches that no living thread can replace.
    private mutating func release(into matches: inout [ByteRange]) {
        let firstAlive = self.status.threadCount > 0 ? self.threads[0].start : Int.max
        let tentative = self.status.tentative
        let count = tentative.firstIndex { $0.lowerBound >= firstAlive } ?? tentative.count
        guard count > 0 else { return }
        matches += tentative[..<count]
        self.status.tentative.removeFirst(count)
    }
}
