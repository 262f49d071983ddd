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
    struct Thread: Sendable {
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
    var status = RegexMachine.Status()
    /// Two lists, each with room for one thread per state.
    private var threads: [Thread]
    /// The round in which each state was last visited.
    private var visited: [Int]
    /// States still to be visited; each state puts at most one there.
    private var stack: [Int32]

    init(_ program: RegexProgram) {
        let states = program.instructions.count
        self.program = program
        self.threads = [Thread](repeating: Thread(state: 0, start: 0), count: 2 * states)
        self.visited = [Int](repeating: 0, count: states)
        self.stack = [Int32](repeating: 0, count: states)
    }

    /// The start of the first match that is still possible, if it has begun: that of the first thread, since a match is
    /// tentative only while a thread with no later start lives.
    var firstOpenStart: Int? {
        let first = self.status.isSwapped ? self.visited.count : 0
        return self.status.threadCount > 0 ? self.threads[first].start : nil
    }

    /// Runs `body` on the machine whose memory this is.
    mutating func withMachine(_ body: (inout RegexMachine) -> Void) {
        // Out of `self` for the time, so that the closures may write to the rest of it.
        var status = RegexMachine.Status()
        swap(&status, &self.status)
        let states = self.visited.count
        let program = self.program
        program.instructions.withUnsafeBufferPointer { instructions in
            program.sets.withUnsafeBufferPointer { sets in
                self.threads.withUnsafeMutableBufferPointer { threads in
                    self.visited.withUnsafeMutableBufferPointer { visited in
                        self.stack.withUnsafeMutableBufferPointer { stack in
                            var machine = RegexMachine(
                                instructions: instructions, sets: sets, entry: program.entry,
                                threads: UnsafeMutableBufferPointer(rebasing: threads[..<states]),
                                nextThreads: UnsafeMutableBufferPointer(rebasing: threads[states...]),
                                visited: visited, stack: stack, status: status)
                            body(&machine)
                            status = machine.status
                        }
                    }
                }
            }
        }
        self.status = status
    }
}
