/// How a field's value stands in a log line.
package enum LogValue {
    /// The value as it is, or in quotes if it could end its field, its line, or confuse a terminal.
    package static func quoted(_ value: String) -> String {
        let isPlain = value.unicodeScalars.allSatisfy { Self.isVisible($0) && !Self.special.contains($0) }
        if isPlain, !value.isEmpty { return value }
        return "\"" + value.unicodeScalars.map(Self.escaped).joined() + "\""
    }

    private static let special: [Unicode.Scalar] = ["\"", "\\", "="]

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\"", "\\": "\\\(scalar)"
        case " ": " "
        case _ where Self.isVisible(scalar): String(scalar)
        default: "\\u{\(String(scalar.value, radix: 16))}"
        }
    }

    /// Whether a scalar shows as itself: no white space, no control, nothing that reorders text.
    private static func isVisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator, .surrogate, .unassigned,
            .privateUse:
            false
        default: true
        }
    }
}
