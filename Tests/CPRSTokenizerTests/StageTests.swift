internal import CPRSTestSupport
internal import CPRSTokenizer
@_spi(_Unicode) import Swift
internal import Testing

@Suite("Pretokens")
struct PreTokenizerTests {
    /// Swift's own regular expressions, character by character as the reference's engine works.
    private static func oracle(_ text: String) throws -> [String] {
        let regex = try Regex(PreTokenizer.pattern).matchingSemantics(.unicodeScalar)
        return text.matches(of: regex).map { String(text.unicodeScalars[$0.range]) }
    }

    private static func split(_ text: String) -> [String] {
        let bytes = Array(text.utf8)
        return PreTokenizer.split(bytes).map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    @Test(
        "each alternative of the pattern cuts where it should",
        arguments: [
            ("I'll we'LL he'sx 'tis", ["I", "'ll", " we", "'LL", " he", "'s", "x", " '", "tis"]),
            ("a'ſb 'r", ["a", "'ſ", "b", " '", "r"]),
            ("(word) .word..word", ["(word", ")", " .", "word", "..", "word"]),
            ("x12 3½", ["x", "1", "2", " ", "3", "½"]),
            ("end.\r\n\n next", ["end", ".\r\n\n", " next"]),
            ("a  \n \n  b", ["a", "  \n \n", " ", " b"]),
            ("a   1", ["a", "  ", " ", "1"]),
            ("a \u{3000}\tb  ", ["a", " \u{3000}", "\tb", "  "]),
            ("  !\n", [" ", " !\n"]), ("\n", ["\n"]), ("", []),
        ])
    func cuts(_ text: String, _ expected: [String]) {
        #expect(Self.split(text) == expected)
    }

    @Test("random text is cut as the pattern itself cuts it", arguments: 1...4)
    func equalsRegex(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<300 {
            // Swift's engine does not fold the long s; the table above has that case.
            let text = randomText(&generator, pieces: 12).replacing("ſ", with: "s")
            #expect(try Self.split(text) == Self.oracle(text), "seed \(seed): \(text.debugDescription)")
        }
    }
}

@Suite("NFC")
struct NormalizerTests {
    /// The standard library's NFC, by which it compares strings. (Foundation's leaves U+AC00 U+11A8 apart.)
    private static func oracle(_ text: String) -> [UInt8] {
        var composed = String.UnicodeScalarView()
        for scalar in text._nfc { composed.append(scalar) }
        return Array(String(composed).utf8)
    }

    @Test("every character with a decomposition or a combining class normalizes as the standard library does")
    func everyCharacter() throws {
        // Up to U+1D24F; nothing assigned after Unicode 9.0, whose tables are meant to be old.
        for value in 0..<UInt32(0x1D250) {
            guard let scalar = Unicode.Scalar(value), let age = scalar.properties.age, age.major <= 9 else { continue }
            for text in ["\(scalar)", "a\(scalar)\u{323}\u{301}", "\u{1100}\(scalar)\u{11A8}\u{1161}"] {
                let isEqual = Normalizer.nfc(Array(text.utf8)) == Self.oracle(text)
                #expect(isEqual, "U+\(String(value, radix: 16)) in \(text.debugDescription)")
            }
        }
    }

    @Test("normalized text normalizes to itself", arguments: 1...4)
    func isIdempotent(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<300 {
            let text = randomText(&generator, pieces: 12)
            let once = Normalizer.nfc(Array(text.utf8))
            #expect(once == Self.oracle(text))
            #expect(Normalizer.nfc(once) == once)
        }
    }
}
