extension RegexParser {
    /// Reads the repetition after `atom`, if there is one.
    mutating func parseRepetition(of atom: RegexNode, isGroup: Bool) throws(RegexSyntaxError) -> RegexNode {
        let start = self.position
        guard let (minimum, maximum) = try self.parseBounds() else { return atom }
        if case .assertion = atom, !isGroup {
            throw self.failure("an anchor or \\b cannot be repeated", at: start)
        }
        switch self.next {
        case "?":
            throw self.failure(
                "lazy repetition is not supported: the longest match is reported; exclude what ends it, as in [^\"]*")
        case "+":
            throw self.failure("possessive repetition is not supported: nothing backtracks here; leave out this '+'")
        case "*", "{":
            throw self.failure("a repetition cannot be repeated; put it in a group (?:…)")
        default:
            return .repetition(atom, minimum: minimum, maximum: maximum)
        }
    }

    private mutating func parseBounds() throws(RegexSyntaxError) -> (minimum: Int, maximum: Int?)? {
        switch self.next {
        case "*":
            self.position += 1
            return (0, nil)
        case "+":
            self.position += 1
            return (1, nil)
        case "?":
            self.position += 1
            return (0, 1)
        case "{":
            return try self.parseBraces()
        default:
            return nil
        }
    }

    private mutating func parseBraces() throws(RegexSyntaxError) -> (minimum: Int, maximum: Int?) {
        let start = self.position
        self.position += 1
        let minimum = try self.parseBound(of: start)
        var maximum: Int? = minimum
        if self.skip(",") { maximum = self.next == "}" ? nil : try self.parseBound(of: start) }
        guard self.skip("}") else { throw self.badBraces(start) }
        if let maximum, maximum < minimum {
            throw self.failure("the upper bound \(maximum) is less than the lower bound \(minimum)", at: start)
        }
        return (minimum, maximum)
    }

    private mutating func parseBound(of start: Int) throws(RegexSyntaxError) -> Int {
        let first = self.position
        var value = 0
        while let digit = self.next, "0"..."9" ~= digit {
            // Saturates, so that a bound of a thousand digits cannot overflow.
            value = min(value * 10 + Int(digit.value - 0x30), 1_000_000)
            self.position += 1
        }
        guard self.position > first else { throw self.badBraces(start) }
        guard value <= PatternLimits.repetitions else {
            let got = value < 1_000_000 ? "\(value)" : "1000000 or more"
            throw self.failure(
                "a repetition bound must be in 0...\(PatternLimits.repetitions) (got \(got))", at: first)
        }
        return value
    }

    private func badBraces(_ start: Int) -> RegexSyntaxError {
        self.failure("expected {m}, {m,} or {m,n}; write \\{ for the character", at: start)
    }
}
