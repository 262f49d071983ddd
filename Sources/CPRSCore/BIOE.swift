/// The critic's label for one token. Raw values are the rows of `cls_head`.
public enum BIOE: UInt8, CaseIterable, Sendable {
    /// First token of a span.
    case begin = 0
    /// Inside a span.
    case inside = 1
    /// Not part of any span.
    case outside = 2
    /// Last token of a span.
    case end = 3

    /// The label's letter: `B`, `I`, `O` or `E`.
    public var letter: Character {
        switch self {
        case .begin: "B"
        case .inside: "I"
        case .outside: "O"
        case .end: "E"
        }
    }

    /// Reads a label's letter, or nil for any other character.
    public init?(letter: Character) {
        guard let label = Self.allCases.first(where: { $0.letter == letter }) else { return nil }
        self = label
    }
}
