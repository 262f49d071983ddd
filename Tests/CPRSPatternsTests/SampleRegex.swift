import CPRSCore
import CPRSTestSupport

/// A regex with a meaning of its own: the oracle for the compiled search.
///
/// It is made as a tree, so that the parser is tested too; the set of ends is computed by its definition, over a
/// handful of scalars whose properties are written down here.
indirect enum SampleRegex: Sendable {
    case scalar(Unicode.Scalar)
    /// Text of the class, and which scalars of ``alphabet`` it holds.
    case oneOf(text: String, [Unicode.Scalar])
    case assertion(String)
    case sequence([SampleRegex])
    case either([SampleRegex])
    case repeated(SampleRegex, Int, Int?, text: String)

    static let alphabet: [Unicode.Scalar] = ["a", "b", "B", "é", "É", "中", "😀", "1", "_", " ", "\r", "\n"]
    static let wordScalars: [Unicode.Scalar] = ["a", "b", "B", "é", "É", "中", "1", "_"]
    private static let spaces: [Unicode.Scalar] = [" ", "\r", "\n"]
    private static let caseVariants: [Unicode.Scalar: Unicode.Scalar] = ["b": "B", "B": "b", "é": "É", "É": "é"]

    private static func without(_ members: [Unicode.Scalar]) -> [Unicode.Scalar] {
        self.alphabet.filter { !members.contains($0) }
    }

    private static let classes: [SampleRegex] = [
        .oneOf(text: ".", without(["\n"])),
        .oneOf(text: "\\d", ["1"]), .oneOf(text: "\\D", without(["1"])),
        .oneOf(text: "\\w", wordScalars), .oneOf(text: "\\W", without(wordScalars)),
        .oneOf(text: "\\s", spaces), .oneOf(text: "\\S", without(spaces)),
        .oneOf(text: "\\p{L}", ["a", "b", "B", "é", "É", "中"]),
        .oneOf(text: "\\P{L}", ["😀", "1", "_", " ", "\r", "\n"]),
        .oneOf(text: "[a-b1]", ["a", "b", "1"]), .oneOf(text: "[^\\w\\r]", ["😀", " ", "\n"]),
        .oneOf(text: "[^a\\u{e9}-\\u{1F600}]", ["b", "B", "É", "1", "_", " ", "\r", "\n"]),
        .oneOf(text: "[\\W_-]", without(wordScalars) + ["_"]),
    ]

    init(depth: Int, using random: inout SeededGenerator) {
        switch random.below(depth > 0 ? 10 : 5) {
        case 0...2: self = .scalar(Self.alphabet[random.below(Self.alphabet.count)])
        case 3: self = Self.classes[random.below(Self.classes.count)]
        case 4: self = .assertion(["^", "$", "\\b", "\\B"][random.below(4)])
        case 5, 6: self = .sequence((0..<random.below(4)).map { _ in Self(depth: depth - 1, using: &random) })
        case 7: self = .either((0...random.below(3)).map { _ in Self(depth: depth - 1, using: &random) })
        default:
            let forms: [(String, Int, Int?)] = [
                ("*", 0, nil), ("+", 1, nil), ("?", 0, 1), ("{2}", 2, 2), ("{0,2}", 0, 2), ("{2,}", 2, nil),
                ("{0}", 0, 0),
            ]
            let form = forms[random.below(forms.count)]
            self = .repeated(Self(depth: depth - 1, using: &random), form.1, form.2, text: form.0)
        }
    }

    /// The pattern; every part that could be misread is in a group, of either kind.
    var pattern: String {
        switch self {
        case .scalar("\r"): "\\r"
        case .scalar("\n"): "\\n"
        case .scalar(let scalar): String(Character(scalar))
        case .oneOf(let text, _), .assertion(let text): text
        case .sequence(let parts):
            parts.map { part in if case .either = part { "(\(part.pattern))" } else { part.pattern } }.joined()
        case .either(let branches): branches.map(\.pattern).joined(separator: "|")
        case .repeated(let part, _, _, let text): "(?:\(part.pattern))\(text)"
        }
    }

    /// Where a match that starts at `start` may end, as indices of `text`.
    func ends(from start: Int, in text: [Unicode.Scalar], ignoringCase: Bool) -> Set<Int> {
        switch self {
        case .scalar(let scalar):
            return Self.oneOf(text: "", [scalar]).ends(from: start, in: text, ignoringCase: ignoringCase)
        case .oneOf(let pattern, let members):
            guard start < text.count else { return [] }
            // A negated class is the complement of the variants, so that it holds fewer scalars, not more.
            let isNegated = pattern.hasPrefix("[^")
            let base = isNegated ? Self.without(members) : members
            let isNamed = base.contains(text[start])
            let isVariant = ignoringCase && Self.caseVariants[text[start]].map { base.contains($0) } ?? false
            return (isNamed || isVariant) != isNegated ? [start + 1] : []
        case .assertion(let name):
            return Self.holds(name, at: start, in: text) ? [start] : []
        case .sequence(let parts):
            return parts.reduce([start]) { starts, part in
                starts.reduce(into: []) {
                    $0.formUnion(part.ends(from: $1, in: text, ignoringCase: ignoringCase))
                }
            }
        case .either(let branches):
            return branches.reduce(into: []) {
                $0.formUnion($1.ends(from: start, in: text, ignoringCase: ignoringCase))
            }
        case .repeated(let part, let minimum, let maximum, _):
            // After text.count + minimum rounds nothing new can come.
            var reached: Set<Int> = [start]
            var all: Set<Int> = minimum == 0 ? [start] : []
            for count in 1...max(1, min(maximum ?? Int.max, text.count + minimum + 1)) where maximum != 0 {
                reached = reached.reduce(into: []) {
                    $0.formUnion(part.ends(from: $1, in: text, ignoringCase: ignoringCase))
                }
                if count >= minimum { all.formUnion(reached) }
            }
            return all
        }
    }

    private static func holds(_ assertion: String, at index: Int, in text: [Unicode.Scalar]) -> Bool {
        let before = index > 0 ? text[index - 1] : nil
        let after = index < text.count ? text[index] : nil
        let isWordBefore = before.map { self.wordScalars.contains($0) } ?? false
        let isBoundary = isWordBefore != (after.map { self.wordScalars.contains($0) } ?? false)
        switch assertion {
        case "^": return before == nil || before == "\n"
        case "$":
            if after == "\r" { return index + 1 < text.count && text[index + 1] == "\n" }
            return after == nil || (after == "\n" && before != "\r")
        case "\\b": return isBoundary
        default: return !isBoundary
        }
    }

    /// Whether it could match nothing if all assertions held.
    var canBeEmpty: Bool {
        switch self {
        case .scalar, .oneOf: false
        case .assertion: true
        case .sequence(let parts): !parts.contains { !$0.canBeEmpty }
        case .either(let branches): branches.contains { $0.canBeEmpty }
        case .repeated(let part, let minimum, _, _): minimum == 0 || part.canBeEmpty
        }
    }

    /// The leftmost-longest matches that do not overlap, in UTF-8 offsets: each start tried in turn.
    func matches(in text: [Unicode.Scalar], ignoringCase: Bool) -> [ByteRange] {
        var offsets = [0]
        for scalar in text { offsets.append(offsets[offsets.count - 1] + UTF8.width(scalar)) }
        var found: [ByteRange] = []
        var start = 0
        while start < text.count {
            if let end = self.ends(from: start, in: text, ignoringCase: ignoringCase).max() {
                found.append(offsets[start]..<offsets[end])
                start = end
            } else {
                start += 1
            }
        }
        return found
    }
}
