extension RegexParser {
    /// Reads `[…]` or `[^…]`.
    mutating func parseClass() throws(RegexSyntaxError) -> RegexNode {
        let start = self.position
        self.position += 1
        let negated = self.skip("^")
        var set = ScalarSet.Builder()
        let first = self.position
        while !self.skip("]") {
            guard self.next != nil else {
                throw self.failure("this '[' is never closed", at: start)
            }
            try self.parseClassItem(into: &set)
        }
        guard self.position > first + 1 else {
            throw self.failure("an empty class; write \\] for the character", at: start)
        }
        return self.node(for: set, negated: negated)
    }

    private mutating func parseClassItem(into set: inout ScalarSet.Builder) throws(RegexSyntaxError) {
        let start = self.position
        let lower = try self.parseClassMember()
        guard self.next == "-", let after = self.peek(1), after != "]" else {
            switch lower {
            case .scalar(let scalar): set.insert(scalar.value...scalar.value)
            case .set(let other): set.formUnion(other)
            }
            return
        }
        self.position += 1
        guard case .scalar(let lower) = lower, case .scalar(let upper) = try self.parseClassMember() else {
            throw self.failure("a range needs a character on both sides; write \\- for the character", at: start)
        }
        guard lower <= upper else {
            throw self.failure("the range runs backwards: its end comes before its start", at: start)
        }
        set.insert(lower.value...upper.value)
    }

    private mutating func parseClassMember() throws(RegexSyntaxError) -> Escape {
        // Both callers have seen that a scalar is left.
        let scalar = self.scalars[self.position]
        switch scalar {
        case "\\":
            return try self.parseScalarEscape()
        case "[":
            if self.peek(1) == ":" {
                throw self.failure("named classes such as [:alpha:] are not supported; use \\p{…}, \\w, \\d or \\s")
            }
            throw self.failure("'[' in a class; write \\[ for the character")
        default:
            self.position += 1
            return .scalar(scalar)
        }
    }
}
