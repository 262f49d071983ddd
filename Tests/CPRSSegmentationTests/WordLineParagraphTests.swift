internal import CPRSSegmentation
internal import CPRSTestSupport
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

    @Test("without joining signs, a word begins at each sign that is not white, unless letters or digits go on")
    func plainWords() {
        for seed in 0..<100 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let text = (0..<200).map { _ in Array("abZ09_  \n\t-!(".utf8).randomElement(using: &random)! }
            let isWhite = { (byte: UInt8) in byte <= 0x20 }
            let isWord = { (byte: UInt8) in Array("abZ09_".utf8).contains(byte) }
            let starts = text.indices.filter { index in
                index > 0 && !isWhite(text[index]) && !(isWord(text[index]) && isWord(text[index - 1]))
                    && text[..<index].contains { !isWhite($0) }
            }
            #expect(unitEnds(.word, text) == starts + [text.count], "seed \(seed)")
        }
    }

    @Test(
        "a line ends after LF, CRLF or a lone CR, and nowhere else",
        arguments: ["a\n¦b\r\n¦c\r¦d", "\n¦\n¦\r\n¦\r¦\n".replacing("\r¦\n", with: "\r\n"), "a\u{2028}b\u{85}c", "x"])
    func lines(marked: String) { self.check(.line, marked) }

    @Test(
        "a paragraph ends after its blank lines; leading blank lines belong to the first",
        arguments: ["a\nb\n\n¦c\n \t\n\n¦  d\n", "\n\n a\r\n\r\n¦b", "a\n\n\n\n", "a  b\n c\n", "   "])
    func paragraphs(marked: String) { self.check(.paragraph, marked) }

    @Test(
        "a record ends after a line, and between two values of JSON that share one",
        arguments: [
            #"{"a": "1", ¦"b": {"c": 2,¦"d": [true,  ¦"e", 3, 4, ¦[5], ¦{}]}, ¦"f": null}"#, "k = 1\n¦k = 2\r\n¦",
            "{\n¦  \"a\": 1,\n¦  \"b\": false, ¦\"c\": 2\n¦}\n¦", #"She said, "no", and left, "yes"."#,
            #"in 1, 2, and untrue, "x", y"#, #"true, ¦"x""#, ",\"a\"", "1,", "1, ", #"1,                 "far""#,
        ])
    func records(marked: String) { self.check(.record, marked) }

    @Test("lines, records and paragraphs have no greatest length")
    func unbounded() {
        let text = [UInt8](repeating: 0x78, count: 300_000) + [0x0A, 0x0A, 0x79]
        #expect(unitEnds(.line, text) == [300_001, 300_002, 300_003])
        #expect(unitEnds(.record, text) == [300_001, 300_002, 300_003])
        #expect(unitEnds(.paragraph, text) == [300_002, 300_003])
    }
}
