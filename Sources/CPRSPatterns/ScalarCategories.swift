/// A set of Unicode general categories; every scalar has exactly one.
///
/// Source: Unicode Standard, table 4-4; the properties are the standard library's.
struct ScalarCategories: OptionSet, Hashable, Sendable {
    let rawValue: UInt32

    /// Two-letter names in the order of their bits.
    private static let names = [
        "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
        "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn",
    ]

    static let all = Self(rawValue: (1 << 30) - 1)
    static let cased = Self(rawValue: 0b111)
    static let decimalDigit = Self(rawValue: 1 << 8)
    /// What `\w` stands for: letters, marks, Nd, Nl, Pc.
    static let word = Self(rawValue: 0b1011_1111_1111)

    init(rawValue: UInt32) { self.rawValue = rawValue }

    /// One category by its two letters, or all that share a first letter; nil for any other name.
    init?(name: String) {
        var bits: UInt32 = 0
        for (bit, candidate) in Self.names.enumerated() where candidate == name || String(candidate.prefix(1)) == name {
            bits |= 1 << UInt32(bit)
        }
        guard bits != 0 else { return nil }
        self.rawValue = bits
    }

    /// The category of `scalar`.
    init(of scalar: Unicode.Scalar) {
        self.rawValue = 1 << Self.bit(of: scalar.properties.generalCategory)
    }

    /// The categories of U+0000...U+007F.
    static let ofASCII = (UInt8(0)..<128).map { Self(of: Unicode.Scalar($0)) }

    var complement: Self { Self(rawValue: ~self.rawValue & Self.all.rawValue) }

    /// With upper, lower and title case all in or all out.
    var closedUnderCase: Self { self.isDisjoint(with: .cased) ? self : self.union(.cased) }

    private static func bit(of category: Unicode.GeneralCategory) -> UInt32 {
        switch category {
        case .uppercaseLetter: 0
        case .lowercaseLetter: 1
        case .titlecaseLetter: 2
        case .modifierLetter: 3
        case .otherLetter: 4
        case .nonspacingMark: 5
        case .spacingMark: 6
        case .enclosingMark: 7
        case .decimalNumber: 8
        case .letterNumber: 9
        case .otherNumber: 10
        case .connectorPunctuation: 11
        case .dashPunctuation: 12
        case .openPunctuation: 13
        case .closePunctuation: 14
        case .initialPunctuation: 15
        case .finalPunctuation: 16
        case .otherPunctuation: 17
        case .mathSymbol: 18
        case .currencySymbol: 19
        case .modifierSymbol: 20
        case .otherSymbol: 21
        case .spaceSeparator: 22
        case .lineSeparator: 23
        case .paragraphSeparator: 24
        case .control: 25
        case .format: 26
        case .surrogate: 27
        case .privateUse: 28
        case .unassigned: 29
        @unknown default: 29
        }
    }
}
