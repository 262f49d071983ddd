internal import CPRSCore
internal import CPRSJSON
internal import Testing

@Suite struct JSONReaderTests {
    func parse(_ text: String) throws -> JSONValue { try JSONValue(Array(text.utf8), name: "test.json") }

    @Test("every kind of value is read")
    func kinds() throws {
        let value = try self.parse(#" {"a": [1, -2.5e1, true, false, null], "b": "x\n\u00e9\ud83d\ude00\/", "c": {}} "#)
        #expect(value.object?.keys == ["a", "b", "c"])
        #expect(value.object?["a"] == .array([.integer(1), .integer(-25), .bool(true), .bool(false), .null]))
        #expect(value.object?["b"]?.string == "x\né😀/")
    }

    @Test(
        "each defect is refused, and its message names the document, the defect and the byte",
        arguments: [
            ("", "ends early at byte 0"), ("{", "ends early at byte 1"), ("[1,]", "expected a value at byte 3"),
            ("{\"a\":1,\"a\":2}", "the key \"a\" a second time"), ("NaN", "'NaN' is not a finite number at byte 0"),
            ("[Infinity]", "'Infinity' is not a finite number"), ("1e999", "not a finite number"),
            ("01", "not a finite number"), ("+1", "not a finite number"), (".5", "not a finite number"),
            ("1.", "not a finite number"), ("0x10", "not a finite number"), ("\"abc", "unterminated string"),
            ("\"\u{01}\"", "control character"), (#""\q""#, "unknown escape"), (#""\ud800""#, "lone surrogate"),
            (#""\udc00\ud800""#, "lone surrogate"), (#""\u12"#, "short \\u escape"), ("{} x", "surplus text at byte 3"),
            ("{1:2}", "expected a string"), ("tru", "expected 'true'"), ("[1 2]", "expected ',' or ']'"),
            (String(repeating: "[", count: 1000), "nesting deeper than 128"),
        ])
    func defects(text: String, expected: String) {
        let error = #expect(throws: CPRSError.self) { try self.parse(text) }
        #expect(error?.code == .modelUnusable)
        #expect(error?.message.contains(expected) == true, "\(error?.message ?? "")")
        #expect(error?.message.hasPrefix("test.json: ") == true)
    }

    @Test("invalid UTF-8 in a string is refused")
    func invalidUTF8() {
        #expect(throws: CPRSError.self) { try JSONValue([0x22, 0xFF, 0x22], name: "test.json") }
    }

    @Test("integers are exact up to 64 bits and refuse fractions", arguments: [Int.max, Int.min + 1, 0, -1])
    func integers(value: Int) throws {
        var reader = JSONReader(Array("\(value)".utf8), name: "test.json")
        #expect(try reader.readInteger() == value)
        for text in ["1.5", "1e3", "-", "9223372036854775808", "01"] {
            var bad = JSONReader(Array(text.utf8), name: "test.json")
            #expect(throws: CPRSError.self) { try bad.readInteger() }
        }
    }
}
