import CPRSCore
import CPRSPatterns
import Testing

@Suite("Patterns that are refused")
struct PatternErrorTests {
    @Test(
        "A regex with a defect is refused with the place and the reason",
        arguments: [
            ("a(b", 2, "'(' is never closed"), ("a)b", 2, "')' closes nothing"), ("(?:é[x", 5, "'[' is never closed"),
            ("x[]", 2, "an empty class"), ("[^]", 1, "an empty class"), ("[z-a]", 2, "runs backwards"),
            ("[\\d-z]", 2, "a range needs a character"), ("[a-\\w]", 2, "a range needs a character"),
            ("[[:alpha:]]", 2, "named classes"), ("[a[b]", 3, "'[' in a class"),
            ("*a", 1, "nothing to repeat"), ("a|+", 3, "nothing to repeat"), ("(?", 1, "only (?:…) is supported"),
            ("x{", 2, "expected {m}"), ("x{,3}", 2, "expected {m}"), ("x{1,2", 2, "expected {m}"),
            ("{2}", 1, "nothing to"),
            ("x{3,2}", 2, "upper bound 2 is less than the lower bound 3"),
            ("x{1001}", 3, "0...1000 (got 1001)"), ("x{1,99999999999999999999}", 5, "0...1000 (got 1000000 or more)"),
            ("中+?", 3, "lazy"), ("a{2}?", 5, "lazy"), ("a++", 3, "possessive"), ("a**", 3, "cannot be repeated"),
            ("a{2}{3}", 5, "cannot be repeated"), ("^*a", 2, "cannot be repeated"), ("a\\b+", 4, "cannot be repeated"),
            ("(a)\\1", 4, "back-references are not supported, because matching must be linear"),
            ("\\k<a>", 1, "back-references"),
            ("a(?=b)", 2, "look-ahead is not supported, because matching must be linear"), ("(?!b)", 1, "look-ahead"),
            ("(?<=a)b", 1, "look-behind is not supported, because matching must be linear"),
            ("(?<!a)b", 1, "look-behind"),
            ("(?<n>a)", 1, "named groups"), ("(?P<n>a)", 1, "named groups"), ("(?>a)", 1, "atomic groups"),
            ("(?(1)a)", 1, "conditional"), ("a(?i)b", 2, "only as the first characters"), ("(?s)a", 1, "only (?i)"),
            ("\\Aa", 1, "\\A is not supported"), ("[\\b]", 2, "no meaning in a class"), ("\\q", 1, "no escape \\q"),
            ("\\é", 1, "no escape \\é"), ("\\0", 1, "no escape \\0"), ("a\\", 2, "a backslash ends the regex"),
            ("\\x4", 1, "\\xHH"), ("\\xGG", 1, "\\xHH"), ("\\u0041", 1, "\\u{H…}"), ("\\u{}", 1, "\\u{H…}"),
            ("\\u{1234567}", 1, "\\u{H…}"), ("\\u{D800}", 1, "U+D800 is not"), ("\\u{110000}", 1, "U+110000 is not"),
            ("\\pL", 1, "\\p{…}"), ("\\p{Han}", 1, "general categories"), ("\\p{", 1, "\\p{…}"),
            ("\\p{}", 1, "categories"),
        ] as [(String, Int, String)])
    func syntax(pattern: String, position: Int, reason: String) throws {
        let message = self.message(literals: [], regexes: ["ok", pattern])
        #expect(message.hasPrefix("regex 2 \(String(reflecting: pattern)), character \(position): "), "\(message)")
        #expect(message.contains(reason), "\(message)")
    }

    @Test(
        "A regex that can match the empty string is refused",
        arguments: ["a*", "a?b*", "^", "$", "^$", "\\b", "a|", "(?i)", "()", "a{0}", "(a|b*)", "(?:)+", "(^|\\B){2}"])
    func empty(pattern: String) {
        let message = self.message(literals: [], regexes: [pattern])
        #expect(message.hasPrefix("regex 1 "))
        #expect(message.contains("can match the empty string") && message.contains("keep everything"), "\(message)")
    }

    @Test("Empty patterns are refused by their number")
    func emptyPatterns() {
        #expect(self.message(literals: ["a", ""], regexes: []).hasPrefix("literal 2 \"\" is empty"))
        #expect(self.message(literals: [], regexes: [""]).hasPrefix("regex 1 \"\" is empty"))
    }

    @Test("Every limit is named with its range and the value received")
    func limits() {
        let long = String(repeating: "é", count: 2_049)
        #expect(
            self.message(literals: Array(repeating: "a", count: 1_025), regexes: [])
                == "the number of literals must be in 0...1024 (got 1025)")
        #expect(
            self.message(literals: [], regexes: Array(repeating: "a", count: 65))
                == "the number of regexes must be in 0...64 (got 65)")
        #expect(self.message(literals: [long], regexes: []).hasSuffix("…\" must be in 1...4096 (got 4098)"))
        #expect(
            self.message(literals: Array(repeating: String(long.dropLast()), count: 17), regexes: [])
                == "the UTF-8 length of all patterns must be in 0...65536 (got 69632)")
        #expect(
            self.message(literals: [], regexes: ["b{9}", "(a{100}){90}"]).contains(
                "compiles to 9001 states; all regexes together may have 1...8192, of which 8182 are left"))
        #expect(
            self.message(literals: [], regexes: ["((((a{0,999}b){999}){999}){999}){999}"]).contains(
                "more than 1073741824"))
        #expect(self.message(literals: [], regexes: ["(((((){1000}){1000}){1000}){1000}){1000}a"]).contains("states"))
        let deep = String(repeating: "(", count: 65) + "a" + String(repeating: ")", count: 65)
        #expect(self.message(literals: [], regexes: [deep]).contains("character 65: groups may be nested 0...64 deep"))
    }

    @Test("The largest allowed patterns compile, each to its number of states")
    func largest() throws {
        let deep = String(repeating: "(", count: 64) + "a" + String(repeating: ")", count: 64)
        #expect(try PatternSet(literals: [], regexes: [deep]).regexStates == 2)
        let counts = [
            ("a{1000}", 1_001), ("a{2,5}b", 10), ("a{3,}", 5), ("a*b|c|()d{0}e", 10), ("(ab)?c", 5), ("[^a]\\w$", 4),
        ]
        for (pattern, states) in counts {
            #expect(try PatternSet(literals: [], regexes: [pattern]).regexStates == states, "\(pattern)")
        }
        #expect(try PatternSet(literals: [], regexes: ["((a{9}){10}){91}"]).regexStates == 8_191)
        #expect(try PatternSet(literals: [], regexes: []).isEmpty)
        #expect(try !PatternSet(literals: ["a"], regexes: []).isEmpty)
    }

    private func message(literals: [String], regexes: [String]) -> String {
        do {
            _ = try PatternSet(literals: literals, regexes: regexes)
            return "no error"
        } catch {
            #expect(error.code == .invalidArgument)
            return error.message
        }
    }
}
