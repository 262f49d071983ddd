extension RegexParser {
    /// What an escape that names scalars stands for.
    enum Escape {
        case scalar(Unicode.Scalar)
        case set(ScalarSet.Builder)
    }

    /// Reads an escape outside of a class.
    mutating func parseEscape() throws(RegexSyntaxError) -> RegexNode {
        switch self.peek(1) {
        case "b":
            self.position += 2
            return .assertion(.wordBoundary)
        case "B":
            self.position += 2
            return .assertion(.noWordBoundary)
        default:
            switch try self.parseScalarEscape() {
            case .scalar(let scalar): return self.node(for: scalar)
            case .set(let set): return self.node(for: set)
            }
        }
    }

    /// Reads an escape that may also stand in a class.
    mutating func parseScalarEscape() throws(RegexSyntaxError) -> Escape {
        let start = self.position
        guard let letter = self.peek(1) else { throw self.failure("a backslash ends the regex; write \\\\") }
        self.position += 2
        switch letter {
        case "t": return .scalar("\t")
        case "n": return .scalar("\n")
        case "r": return .scalar("\r")
        case "f": return .scalar("\u{0C}")
        case "v": return .scalar("\u{0B}")
        case "x", "u": return .scalar(try self.parseCode(letter, at: start))
        case "d", "D": return .set(ScalarSet.Builder(.decimalDigit, negated: letter == "D"))
        case "w", "W": return .set(ScalarSet.Builder(.word, negated: letter == "W"))
        case "s", "S": return .set(ScalarSet.Builder.whiteSpace(negated: letter == "S"))
        case "p", "P": return .set(try self.parseCategory(negated: letter == "P", at: start))
        case _ where letter.isASCII && !letter.properties.isAlphabetic && !("0"..."9" ~= letter):
            return .scalar(letter)
        default:
            throw self.failure(Self.whyNoSuchEscape(letter), at: start)
        }
    }

    private static func whyNoSuchEscape(_ letter: Unicode.Scalar) -> String {
        switch letter {
        case "1"..."9", "k", "g":
            "back-references are not supported, because matching must be linear"
        case "A", "z", "Z", "G":
            "\\\(letter) is not supported; ^ and $ stand for the ends of a line"
        case "b", "B":
            "\\\(letter) has no meaning in a class"
        default:
            "there is no escape \\\(letter)"
        }
    }

    /// Reads the digits of `\xHH` or `\u{H…}`.
    private mutating func parseCode(_ letter: Unicode.Scalar, at start: Int) throws(RegexSyntaxError) -> Unicode.Scalar
    {
        let form = letter == "x" ? "\\xHH with two hexadecimal digits" : "\\u{H…} with 1 to 6 hexadecimal digits"
        let digits = letter == "x" ? 2...2 : 1...6
        if letter == "u", !self.skip("{") { throw self.failure("expected \(form)", at: start) }
        var value: UInt32 = 0
        var count = 0
        while count < digits.upperBound, let digit = self.next.flatMap({ Character($0).hexDigitValue }),
            self.next?.isASCII == true
        {
            value = value * 16 + UInt32(digit)
            count += 1
            self.position += 1
        }
        guard digits.contains(count), letter == "x" || self.skip("}") else {
            throw self.failure("expected \(form)", at: start)
        }
        guard let scalar = Unicode.Scalar(value) else {
            throw self.failure("U+\(String(value, radix: 16, uppercase: true)) is not a Unicode scalar", at: start)
        }
        return scalar
    }

    private mutating func parseCategory(negated: Bool, at start: Int) throws(RegexSyntaxError) -> ScalarSet.Builder {
        guard self.skip("{") else { throw self.failure("expected \\p{…} with a general category", at: start) }
        var name = ""
        while let scalar = self.next, scalar != "}" {
            name.unicodeScalars.append(scalar)
            self.position += 1
        }
        guard self.skip("}") else { throw self.failure("expected \\p{…} with a general category", at: start) }
        guard let categories = ScalarCategories(name: name) else {
            throw self.failure(
                "\\p{…} is supported only for general categories such as L, Lu, N, P (got \(String(reflecting: name)))",
                at: start)
        }
        let folded = self.ignoresCase ? categories.closedUnderCase : categories
        return ScalarSet.Builder(folded, negated: negated)
    }
}
