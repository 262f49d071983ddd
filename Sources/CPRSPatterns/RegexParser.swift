/// Where a regex is wrong, and why.
struct RegexSyntaxError: Error {
    /// Offset in Unicode scalars, from 0.
    var position: Int
    var reason: String
}

/// Reads a regex into a tree: recursive descent, depth limited by ``PatternLimits/groupDepth``.
struct RegexParser {
    let scalars: [Unicode.Scalar]
    var position = 0
    var ignoresCase = false
    /// What the tree's `.set` nodes point to.
    private(set) var sets: [ScalarSet] = []
    private var setIndices: [SetDescription: Int] = [:]
    private var depth = 0

    private struct SetDescription: Hashable {
        var members: ScalarSet.Builder
        var negated: Bool
    }

    init(_ pattern: String) {
        self.scalars = Array(pattern.unicodeScalars)
    }

    /// Reads the whole pattern.
    mutating func parse() throws(RegexSyntaxError) -> RegexNode {
        if self.scalars.starts(with: "(?i)".unicodeScalars) {
            self.ignoresCase = true
            self.position = 4
        }
        let tree = try self.parseAlternation()
        // Only a ')' ends an alternation before the end of the pattern.
        guard self.position == self.scalars.count else { throw self.failure("this ')' closes nothing; write \\)") }
        return tree
    }

    // MARK: - Reading

    var next: Unicode.Scalar? { self.peek(0) }

    func peek(_ distance: Int) -> Unicode.Scalar? {
        self.position + distance < self.scalars.count ? self.scalars[self.position + distance] : nil
    }

    /// Consumes `scalar` if it comes next.
    mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
        guard self.next == scalar else { return false }
        self.position += 1
        return true
    }

    func failure(_ reason: String, at position: Int? = nil) -> RegexSyntaxError {
        RegexSyntaxError(position: position ?? self.position, reason: reason)
    }

    mutating func node(for set: ScalarSet.Builder, negated: Bool = false) -> RegexNode {
        // Equal classes share a set: thousands of \S cost no more than one.
        let description = SetDescription(members: set, negated: negated)
        if let index = self.setIndices[description] { return .set(index) }
        self.setIndices[description] = self.sets.count
        self.sets.append(set.build(negated: negated, ignoringCase: self.ignoresCase))
        return .set(self.sets.count - 1)
    }

    mutating func node(for scalar: Unicode.Scalar) -> RegexNode {
        guard self.ignoresCase, CaseFolding.equivalents[scalar.value] != nil else { return .scalar(scalar.value) }
        return self.node(for: ScalarSet.Builder(scalar))
    }

    // MARK: - Structure

    private mutating func parseAlternation() throws(RegexSyntaxError) -> RegexNode {
        var branches = [try self.parseConcatenation()]
        while self.skip("|") { branches.append(try self.parseConcatenation()) }
        return branches.count == 1 ? branches[0] : .alternation(branches)
    }

    private mutating func parseConcatenation() throws(RegexSyntaxError) -> RegexNode {
        var parts: [RegexNode] = []
        while let scalar = self.next, scalar != "|", scalar != ")" {
            let atom = try self.parseAtom(scalar)
            parts.append(try self.parseRepetition(of: atom, isGroup: scalar == "("))
        }
        switch parts.count {
        case 0: return .empty
        case 1: return parts[0]
        default: return .concatenation(parts)
        }
    }

    private mutating func parseAtom(_ scalar: Unicode.Scalar) throws(RegexSyntaxError) -> RegexNode {
        switch scalar {
        case "(": return try self.parseGroup()
        case "[": return try self.parseClass()
        case "\\": return try self.parseEscape()
        case "*", "+", "?", "{":
            throw self.failure("'\(scalar)' has nothing to repeat; write \\\(scalar) for the character")
        default: break
        }
        self.position += 1
        switch scalar {
        case ".": return self.node(for: ScalarSet.Builder("\n"), negated: true)
        case "^": return .assertion(.lineStart)
        case "$": return .assertion(.lineEnd)
        default: return self.node(for: scalar)
        }
    }

    private mutating func parseGroup() throws(RegexSyntaxError) -> RegexNode {
        let start = self.position
        self.position += 1
        if self.skip("?") {
            guard self.skip(":") else { throw self.failure(self.whyNoSuchGroup(), at: start) }
        }
        guard self.depth < PatternLimits.groupDepth else {
            throw self.failure("groups may be nested 0...\(PatternLimits.groupDepth) deep (got more)", at: start)
        }
        self.depth += 1
        let tree = try self.parseAlternation()
        self.depth -= 1
        guard self.skip(")") else { throw self.failure("this '(' is never closed", at: start) }
        return tree
    }

    /// The reason for refusing what stands after `(?`.
    private func whyNoSuchGroup() -> String {
        let second = self.peek(1)
        switch self.next {
        case "=", "!":
            return "look-ahead is not supported, because matching must be linear"
        case "<" where second == "=" || second == "!":
            return "look-behind is not supported, because matching must be linear"
        case ">":
            return "atomic groups are not supported: nothing backtracks here; write (?:…)"
        case "(":
            return "conditional groups are not supported, because matching must be linear"
        case "<", "P", "'":
            return "named groups are not supported, since groups are not captured; write (…)"
        case "i":
            return "(?i) is supported only as the first characters of the regex"
        default:
            return "of the groups that start with (? only (?:…) is supported, and of the flags only (?i)"
        }
    }
}
