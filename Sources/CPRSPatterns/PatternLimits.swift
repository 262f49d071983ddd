internal import CPRSCore

/// What bounds the memory and time that one set of patterns can cost.
package enum PatternLimits {
    /// Most literals in a set.
    package static let literals = 1_024
    /// Most regexes in a set; each may hold back 16 bytes per byte of ``matchBytes`` while a longer match is possible.
    package static let regexes = 64
    /// Most UTF-8 bytes in one pattern.
    package static let patternBytes = 4_096
    /// Most UTF-8 bytes in all patterns of a set.
    package static let totalBytes = 65_536
    /// Most compiled states of all regexes of a set.
    package static let states = 8_192
    /// Largest bound in `{m,n}`.
    package static let repetitions = 1_000
    /// Deepest nesting of groups.
    package static let groupDepth = 64

    /// Most bytes in a regex's match.
    ///
    /// A candidate is ended at the first scalar boundary at which it has `matchBytes - 3` bytes or more (one more
    /// scalar might not fit): it becomes the longest match that it had found by then, or nothing. With it go the later
    /// candidates that it had absorbed, those that from some byte on could only continue as it did. The search goes
    /// on at that boundary, so a run of any length is covered by matches of this size, end to end.
    package static let matchBytes = 65_536

    /// What a pattern is.
    enum Kind: String {
        case literal, regex

        /// The request's field that patterns of this kind come from.
        var field: String {
            switch self {
            case .literal: "keepLiterals"
            case .regex: "keepRegexes"
            }
        }
    }

    static func check(literals: [String], regexes: [String]) throws(CPRSError) {
        try self.check("the number of literals", literals.count, in: 0...self.literals, .literal)
        try self.check("the number of regexes", regexes.count, in: 0...self.regexes, .regex)
        var total = 0
        for (kind, patterns) in [(Kind.literal, literals), (.regex, regexes)] {
            for (index, pattern) in patterns.enumerated() {
                let bytes = pattern.utf8.count
                let name = self.name(kind, index: index, text: pattern)
                guard bytes > 0 else {
                    throw CPRSError(
                        code: .invalidArgument,
                        message: "\(name) is empty; the empty string is everywhere: it would keep everything",
                        details: .init(field: kind.field))
                }
                try self.check("the UTF-8 length of \(name)", bytes, in: 1...self.patternBytes, kind)
                total += bytes
            }
        }
        try self.check("the UTF-8 length of all patterns", total, in: 0...self.totalBytes, nil)
    }

    private static func check(_ what: String, _ value: Int, in range: ClosedRange<Int>, _ kind: Kind?) throws(CPRSError)
    {
        guard range.contains(value) else {
            throw CPRSError(
                code: .invalidArgument,
                message: "\(what) must be in \(range.lowerBound)...\(range.upperBound) (got \(value))",
                details: .init(field: kind?.field))
        }
    }

    /// A pattern as messages name it: kind, number from 1, quoted text (shortened).
    static func name(_ kind: Kind, index: Int, text: String) -> String {
        let shown = text.unicodeScalars.prefix(80)
        let isWhole = shown.endIndex == text.unicodeScalars.endIndex
        return "\(kind.rawValue) \(index + 1) \(String(reflecting: String(shown) + (isWhole ? "" : "…")))"
    }
}
