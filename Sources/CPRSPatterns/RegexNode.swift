/// A regex as a syntax tree.
indirect enum RegexNode {
    case empty
    case scalar(UInt32)
    /// Any scalar of the parser's set with this index.
    case set(Int)
    case assertion(Assertions)
    case concatenation([RegexNode])
    case alternation([RegexNode])
    /// `maximum` nil: without end.
    case repetition(RegexNode, minimum: Int, maximum: Int?)

    /// Whether some text, somewhere, gives an empty match: assertions are taken to hold.
    var matchesEmpty: Bool {
        switch self {
        case .empty, .assertion: true
        case .scalar, .set: false
        case .concatenation(let parts): parts.allSatisfy(\.matchesEmpty)
        case .alternation(let branches): branches.contains(where: \.matchesEmpty)
        case .repetition(let part, let minimum, _): minimum == 0 || part.matchesEmpty
        }
    }

    /// Counts saturate here: enough to refuse, and two of them multiply without overflow.
    static let countCap = 1 << 30

    /// A saturated count for a message.
    static func describe(_ count: Int) -> String { count < Self.countCap ? "\(count)" : "more than \(Self.countCap)" }
}

/// Conditions on the place between two scalars; an assertion names one, a place has those that hold.
struct Assertions: OptionSet, Hashable, Sendable {
    let rawValue: UInt8

    static let lineStart = Self(rawValue: 1)
    static let lineEnd = Self(rawValue: 2)
    static let wordBoundary = Self(rawValue: 4)
    static let noWordBoundary = Self(rawValue: 8)
}
