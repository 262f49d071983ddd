/// A regex as a nondeterministic automaton over Unicode scalars.
///
/// Over scalars, not bytes: boundaries, `\b` and case are properties of scalars, and one state for `\w` would be some
/// hundreds of byte states, times the bound of `\w{1,1000}`.
///
/// Source: Thompson 1968, doi:10.1145/363347.363387.
struct RegexProgram: Sendable {
    enum Instruction: Sendable {
        case scalar(UInt32, next: Int32)
        case set(Int32, next: Int32)
        case assertion(Assertions, next: Int32)
        case jump(Int32)
        case split(Int32, Int32)
        case match
    }

    private(set) var instructions: [Instruction] = [.match]
    private(set) var entry: Int32 = 0
    let sets: [ScalarSet]
    /// For each byte, 1 if a match may begin with it, else 0.
    private(set) var canBegin: [UInt8] = []
    /// Whether any instruction is an assertion.
    private(set) var hasAssertions = false
    /// Whether any set is decided by general category.
    let hasCategories: Bool

    /// Compiles `tree`, whose `.set` nodes index `sets`; see ``stateCount(of:)`` for the size, which the caller limits.
    init(_ tree: RegexNode, sets: [ScalarSet]) {
        self.sets = sets
        self.hasCategories = sets.contains { !$0.categories.isEmpty }
        self.entry = self.compile(tree, next: 0)
        self.canBegin = self.firstBytes()
    }

    /// The number of instructions that `tree` compiles to, saturated at `RegexNode.countCap`.
    static func stateCount(of tree: RegexNode) -> Int { min(1 + Self.size(tree), RegexNode.countCap) }

    private static func size(_ node: RegexNode) -> Int {
        let size: Int
        switch node {
        case .empty, .scalar, .set, .assertion: size = 1
        case .concatenation(let parts): size = parts.reduce(0) { $0 + Self.size($1) }
        case .alternation(let branches): size = branches.reduce(branches.count - 1) { $0 + Self.size($1) }
        case .repetition(_, _, 0?): size = 1
        case .repetition(let part, let minimum, let maximum?):
            size = Self.size(part) * maximum + (maximum - minimum)
        case .repetition(let part, let minimum, nil): size = Self.size(part) * max(minimum, 1) + 1
        }
        return min(size, RegexNode.countCap)
    }

    // MARK: - Compiling

    /// Emits `node` so that it goes on at `next`; returns where it begins. Every call emits at least one instruction,
    /// so that the time is bounded by the size even for nested repetitions of nothing.
    private mutating func compile(_ node: RegexNode, next: Int32) -> Int32 {
        switch node {
        case .empty:
            return self.emit(.jump(next))
        case .scalar(let value):
            return self.emit(.scalar(value, next: next))
        case .set(let index):
            return self.emit(.set(Int32(index), next: next))
        case .assertion(let assertion):
            self.hasAssertions = true
            return self.emit(.assertion(assertion, next: next))
        case .concatenation(let parts):
            return parts.reversed().reduce(next) { self.compile($1, next: $0) }
        case .alternation(let branches):
            let entries = branches.map { self.compile($0, next: next) }
            return entries.dropLast().reversed().reduce(entries[entries.count - 1]) { self.emit(.split($1, $0)) }
        case .repetition(let part, let minimum, let maximum):
            return self.compileRepetition(of: part, minimum: minimum, maximum: maximum, next: next)
        }
    }

    private mutating func compileRepetition(of part: RegexNode, minimum: Int, maximum: Int?, next: Int32) -> Int32 {
        var entry = next
        var copies = minimum
        if let maximum {
            if maximum == 0 { return self.emit(.jump(next)) }
            for _ in minimum..<maximum {
                let body = self.compile(part, next: entry)
                entry = self.emit(.split(body, next))
            }
        } else {
            let loop = self.emit(.jump(next))
            let body = self.compile(part, next: loop)
            self.instructions[Int(loop)] = .split(body, next)
            entry = minimum == 0 ? loop : body
            copies = max(minimum - 1, 0)
        }
        for _ in 0..<copies { entry = self.compile(part, next: entry) }
        return entry
    }

    private mutating func emit(_ instruction: Instruction) -> Int32 {
        self.instructions.append(instruction)
        return Int32(self.instructions.count - 1)
    }

    // MARK: - First bytes

    private func firstBytes() -> [UInt8] {
        var canBegin = [UInt8](repeating: 0, count: 256)
        var seen = [Bool](repeating: false, count: self.instructions.count)
        var stack = [self.entry]
        while let state = stack.popLast() {
            guard !seen[Int(state)] else { continue }
            seen[Int(state)] = true
            switch self.instructions[Int(state)] {
            case .scalar(let value, _): canBegin[Int(UTF8Scalar.leadByte(of: value))] = 1
            case .set(let index, _): self.sets[Int(index)].forEachFirstByte { canBegin[Int($0)] = 1 }
            case .assertion(_, let next), .jump(let next): stack.append(next)
            case .split(let first, let second): stack += [first, second]
            case .match: break
            }
        }
        return canBegin
    }
}
