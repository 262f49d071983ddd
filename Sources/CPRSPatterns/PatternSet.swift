package import CPRSCore

/// Literals and regexes compiled once, to be searched for in any number of streams; immutable and shareable.
///
/// Safe for patterns from strangers: every size is limited (``PatternLimits``), nothing backtracks, and a search costs
/// at most O(bytes × compiled states) whatever the patterns and the text.
///
/// **Literals** are compared byte for byte: case-sensitive, no Unicode normalisation.
///
/// **Regexes** report, each on its own, the leftmost-longest non-overlapping matches; the longest wins, whatever the
/// order of the alternatives. Matches begin and end at scalar boundaries. The syntax:
/// - `.` any scalar but `\n`; `[a-z_]`, `[^…]`; `\d` (category Nd), `\w` (letters, marks, Nd, Nl, Pc), `\s`
///   (White_Space), all three Unicode-aware, and their complements `\D`, `\W`, `\S`; `\p{…}` and `\P{…}` with a general
///   category such as `L`, `Lu`, `N`, `P`;
/// - `\t \n \r \f \v`, `\xHH` and `\u{H…}` (both name a scalar, not a byte), a backslash before ASCII punctuation;
/// - `^` at the start of a line, `$` at its end, always multi-line: lines end with `\n` or `\r\n`, and `$` stands before
///   the `\r` of the latter; `\b` and `\B` between `\w` and not-`\w`;
/// - `(…)` and `(?:…)` group and nothing else; `|`, `*`, `+`, `?`, `{m}`, `{m,}`, `{m,n}`;
/// - `(?i)` as the first characters ignores case (simple Unicode case folding).
///
/// Refused with a reason: lazy and possessive repetition (with the longest match they would mean nothing),
/// back-references and look-around (no linear-time algorithm), other flags, named groups and named classes.
package struct PatternSet: Sendable {
    let literals: LiteralAutomaton?
    let programs: [RegexProgram]

    /// Compiles the patterns.
    ///
    /// - Throws: `invalidArgument` for a limit that is exceeded, an empty literal, a syntax error (with its place in
    ///   the regex, in Unicode scalars counted from 1) or a regex that can match the empty string.
    package init(literals: [String], regexes: [String]) throws(CPRSError) {
        try PatternLimits.check(literals: literals, regexes: regexes)
        self.literals = literals.isEmpty ? nil : LiteralAutomaton(literals.map { Array($0.utf8) })
        var statesLeft = PatternLimits.states
        var programs: [RegexProgram] = []
        for (index, regex) in regexes.enumerated() {
            let program = try Self.compile(regex, index: index, statesLeft: statesLeft)
            statesLeft -= program.instructions.count
            programs.append(program)
        }
        self.programs = programs
    }

    /// Whether there is nothing to search for.
    package var isEmpty: Bool { self.literals == nil && self.programs.isEmpty }

    /// Compiled states of all regexes; the factor of a search's worst case.
    package var regexStates: Int { self.programs.reduce(0) { $0 + $1.instructions.count } }

    private static func compile(_ regex: String, index: Int, statesLeft: Int) throws(CPRSError) -> RegexProgram {
        let name = PatternLimits.name(.regex, index: index, text: regex)
        var parser = RegexParser(regex)
        let tree: RegexNode
        do {
            tree = try parser.parse()
        } catch {
            throw Self.invalid("\(name), character \(error.position + 1): \(error.reason)")
        }
        guard !tree.matchesEmpty else {
            throw Self.invalid("\(name) can match the empty string, which is everywhere: it would keep everything")
        }
        let states = RegexProgram.stateCount(of: tree)
        guard states <= statesLeft else {
            throw Self.invalid(
                "\(name) compiles to \(RegexNode.describe(states)) states; all regexes together may have "
                    + "1...\(PatternLimits.states), of which \(statesLeft) are left")
        }
        return RegexProgram(tree, sets: parser.sets)
    }

    private static func invalid(_ message: String) -> CPRSError {
        CPRSError(
            code: .invalidArgument, message: message, details: .init(field: PatternLimits.Kind.regex.field))
    }
}
