/// The text of a `tokenizer.json` with a token for each byte and whatever an input adds.
struct SmallTokenizer {
    /// JSON text of further members of `vocab`, elements of `merges` and of `added_tokens`, each without a last comma.
    var vocabulary = ""
    var merges = ""
    var addedTokens = ""
    var normalizer = "null"

    /// How the byte-level alphabet spells each byte, in quotes.
    private static let byteTokens: [String] = (0..<256).map { "\(Self.quoted([UInt8($0)])): \($0)" }

    private static let pattern =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"#
        + #"\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"#

    /// Bytes in the byte-level alphabet as a JSON string: printable ones stand for themselves, the others for the next
    /// free characters from U+0100 on.
    static func quoted(_ bytes: [UInt8]) -> String {
        func isPrintable(_ value: UInt8) -> Bool {
            (33...126).contains(value) || (161...172).contains(value) || (174...255).contains(value)
        }
        let text = bytes.map { byte -> String in
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return "\\" + String(Unicode.Scalar(byte)) }
            if isPrintable(byte) { return String(Unicode.Scalar(byte)) }
            let place = (0..<byte).filter { !isPrintable($0) }.count
            // Below U+0200, far from the surrogates.
            return String(Unicode.Scalar(UInt32(0x100 + place))!)
        }
        return "\"\(text.joined())\""
    }

    var json: [UInt8] {
        let vocabulary = Self.byteTokens + (self.vocabulary.isEmpty ? [] : [self.vocabulary])
        return Array(
            """
            {"added_tokens": [\(self.addedTokens)], "normalizer": \(self.normalizer), "pre_tokenizer":
            {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": "\(Self.pattern)"}, "behavior": "Isolated", "invert": false},
            {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]},
            "model": {"type": "BPE", "vocab": {\(vocabulary.joined(separator: ", "))}, "merges": [\(self.merges)]}}
            """.utf8)
    }
}
