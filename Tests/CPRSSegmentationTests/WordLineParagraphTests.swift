internal import CPRSSegmentation
internal import Testing

/// `¦` in a case marks where a unit ends.
@Suite struct WordLineParagraphTests {
    func check(_ granularity: Granularity, _ marked: String) {
        let expected = marked.split(separator: "¦").map(String.init)
        #expect(units(granularity, expected.joined()) == expected)
    }

    @Test(
        "a word carries its white space; numbers and contractions are whole; signs and ideographs stand alone",
        arguments: [
            "Hello¦, ¦world¦! ¦", "  don't ¦stop ¦", "3.14 ¦and ¦12,000.5¦.", "e.g¦. ¦x_1 ¦", "你¦好¦，¦世¦界", "カ¦タ ¦カ",
            "привет¦, ¦мир", "é ¦e\u{301}e\u{301} ¦x", "🇩🇪¦🇫🇷 ¦👩‍👩‍👧¦👍🏽", "a\r\n\r\n¦b", "f¦(¦x¦)¦;", "l’été ¦x", "a¦.¦.¦.",
            "ไทย ¦ไทย", "a¦.¦5", "\u{FEFF}a", "1¦:¦2", "n\u{AD}o ¦",
        ])
    func words(marked: String) { self.check(.word, marked) }

    @Test(
        "a line ends after LF, CRLF or a lone CR, and nowhere else",
        arguments: ["a\n¦b\r\n¦c\r¦d", "\n¦\n¦\r\n¦\r¦\n".replacing("\r¦\n", with: "\r\n"), "a\u{2028}b\u{85}c", "x"])
    func lines(marked: String) { self.check(.line, marked) }

    @Test(
        "a paragraph ends after its blank lines; leading blank lines belong to the first",
        arguments: ["a\nb\n\n¦c\n \t\n\n¦  d\n", "\n\n a\r\n\r\n¦b", "a\n\n\n\n", "a  b\n c\n", "   "])
    func paragraphs(marked: String) { self.check(.paragraph, marked) }

    @Test("lines and paragraphs have no greatest length")
    func unbounded() {
        let text = [UInt8](repeating: 0x78, count: 300_000) + [0x0A, 0x0A, 0x79]
        #expect(unitEnds(.line, text) == [300_001, 300_002, 300_003])
        #expect(unitEnds(.paragraph, text) == [300_002, 300_003])
    }
}
