import CPRSCore
import CPRSPatterns
import Testing

@Suite("What regexes mean")
struct RegexMeaningTests {
    @Test(
        "Each construct matches what the documentation says",
        arguments: [
            ("a|ab|abcd", "abc abcd", ["ab", "abcd"]),
            ("\\d{4}-\\d{2}-\\d{2}", "on 2024-02-30, not 24-2-3", ["2024-02-30"]),
            ("^.+$", "one\r\n\ntwo\rthree\nfour", ["one", "two\rthree", "four"]),
            ("x$", "x\r\nx\nx\rx", ["x", "x", "x"]),
            ("\\r$", "\r\r\n", ["\r"]),
            ("\\bcafé\\b", "café cafés décafé café.", ["café", "café"]),
            ("\\Bs\\b", "cats s class", ["s", "s"]),
            ("[-a]+", "-a-b-", ["-a-", "-"]),
            ("[a-]+", "-a-b-", ["-a-", "-"]),
            ("[\\]\\\\^]+", "a]\\^b", ["]\\^"]),
            ("[^\\n]{3}", "ab\ncdé", ["cdé"]),
            ("\\x41\\u{1F600}\\t", "A😀\t", ["A😀\t"]),
            ("\\(\\.\\)\\/", "(.)/", ["(.)/"]),
            ("]}", "]}", ["]}"]),
            ("\\d+", "１２ ٣ 4 ² Ⅷ", ["１２", "٣", "4"]),
            ("\\w+", "e\u{301}a_1-Ⅷ ²", ["e\u{301}a_1", "Ⅷ"]),
            ("a\\sb", "a\u{3000}b a\u{A0}b a\u{200B}b", ["a\u{3000}b", "a\u{A0}b"]),
            ("\\p{Lu}\\p{Ll}+", "Élan ÉLAN Ωmega", ["Élan", "Ωmega"]),
            ("[\\p{N}\\p{P}]+", "a1,²b", ["1,²"]),
            ("(?i)straße", "STRAßE straẞe strasse", ["STRAßE", "straẞe"]),
            ("(?i)[k-l]+ς", "kKLl\u{212A}Σ", ["kKLl\u{212A}Σ"]),
            ("(?i)[^k]", "kK\u{212A}x", ["x"]),
            ("(?i)\\p{Lu}+", "aBc", ["aBc"]),
            ("(?i)i", "iIıİ", ["i", "I"]),
            ("(a|)(b|)c", "abc c bc", ["abc", "c", "bc"]),
            ("(?:$)*a(?:^)?", "aa", ["a", "a"]),
            ("a{0}b", "ab", ["b"]),
            ("國.{1,2}年", "中國一年國二三年國年", ["國一年", "國二三年"]),
        ] as [(String, String, [String])])
    func construct(pattern: String, text: String, expected: [String]) throws {
        #expect(try texts(matching: pattern, in: text) == expected)
    }

    @Test("A longer match that is hoped for in vain hides none of the later matches")
    func tentative() throws {
        // Each x may be the start of x…z until the end, where it turns out that there is no z.
        #expect(try texts(matching: "x|x[^z]*z", in: "xaxbx") == ["x", "x", "x"])
        #expect(try texts(matching: "x|x[^z]*z", in: "xaxbxzx") == ["xaxbxz", "x"])
        #expect(try texts(matching: "xa|axb|x[^z]*z", in: "xaxbaxb") == ["xa", "axb"])
    }

    @Test("Several regexes are searched independently of each other")
    func independent() throws {
        let patterns = try PatternSet(literals: ["b"], regexes: ["ab", "bc", "abc"])
        #expect(matches(of: patterns, in: Array("abc".utf8)) == [0..<2, 1..<2, 0..<3, 1..<3])
    }

    @Test("Bytes that are not UTF-8 match nothing, end every candidate, and do no harm")
    func invalidBytes() throws {
        let patterns = try PatternSet(literals: [], regexes: ["[^x]+"])
        let bytes: [UInt8] = [0x61, 0xFF, 0x62, 0xC3, 0x63, 0xED, 0xA0, 0x80, 0x64, 0xC0, 0x80, 0xE4, 0xB8]
        let expected = [0..<1, 2..<3, 4..<5, 8..<9]
        #expect(matches(of: patterns, in: bytes) == expected)
        var search = PatternSearch(patterns)
        var found: [ByteRange] = []
        for byte in bytes { search.append([byte], into: &found) }
        search.finish(into: &found)
        #expect(found == expected)
    }
}
