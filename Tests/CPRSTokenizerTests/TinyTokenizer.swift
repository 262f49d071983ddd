internal import CPRSCore
internal import CPRSTestSupport
internal import CPRSTokenizer
internal import Glibc

/// The files of a small tokenizer, whose parts a test may change before they are written.
struct TinyTokenizer {
    /// The split pattern as JSON spells it, written out here so that a slip in the sources shows.
    static let pattern =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"#
        + #"\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"#

    var vocabulary: [(spelling: String, id: Int)]
    var merges: [(String, String)]
    var mergesArePairs = false
    var added: [(content: String, id: Int)] = []
    var addedFlags = #""special": true, "normalized": false"#
    var normalizer = #"{"type": "NFC"}"#
    var preTokenizer = #"""
        {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": "PATTERN"}, "behavior": "Isolated", "invert": false},
        {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false}]}
        """#
    var modelFields = #""type": "BPE""#
    var postProcessor = "null"

    /// All 256 bytes, then the results of `merges` in their order, each once.
    init(merges: [(String, String)]) {
        self.vocabulary = (0..<256).map { (Self.spelling(UInt8($0)), $0) }
        self.merges = merges
        var known = Set(self.vocabulary.map { $0.spelling })
        for (left, right) in merges where known.insert(left + right).inserted {
            self.vocabulary.append((left + right, self.vocabulary.count))
        }
    }

    /// GPT-2's spelling of a byte: itself if printable, else the next free character from U+0100 on.
    static func spelling(_ byte: UInt8) -> String {
        func isPrintable(_ value: UInt8) -> Bool {
            (33...126).contains(value) || (161...172).contains(value) || (174...255).contains(value)
        }
        if isPrintable(byte) { return String(Unicode.Scalar(byte)) }
        let before = (0..<byte).filter { !isPrintable($0) }.count
        return String(Unicode.Scalar(UInt16(0x100 + before))!)
    }

    var vocabularyJSON: String {
        "{" + self.vocabulary.map { "\(Self.quoted($0.spelling)): \($0.id)" }.joined(separator: ", ") + "}"
    }

    var json: String {
        let merges = self.merges.map { left, right in
            self.mergesArePairs ? "[\(Self.quoted(left)), \(Self.quoted(right))]" : Self.quoted(left + " " + right)
        }
        let added = self.added.map {
            "{\"id\": \($0.id), \"content\": \(Self.quoted($0.content)), \(self.addedFlags)}"
        }
        return """
            {"added_tokens": [\(added.joined(separator: ", "))], "normalizer": \(self.normalizer),
            "pre_tokenizer": \(self.preTokenizer.replacing("PATTERN", with: Self.pattern)),
            "post_processor": \(self.postProcessor), "decoder": null,
            "model": {\(self.modelFields), "vocab": \(self.vocabularyJSON),
            "merges": [\(merges.joined(separator: ", "))]}}
            """
    }

    func load() throws -> Tokenizer {
        let folder = TemporaryFolder()
        folder.write(self.json, to: "tokenizer.json")
        return try Tokenizer(folder: folder.path)
    }

    static func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}

extension TinyTokenizer {
    /// English enough for prose to have tokens of several bytes, with blanks, digraphs and a doubled letter.
    static var english: Self {
        Self(merges: [
            ("h", "e"), ("t", "he"), ("Ġ", "the"), ("Ġ", "Ġ"), ("l", "l"), ("e", "ll"), ("h", "ell"), ("'", "ll"),
            ("Ċ", "Ċ"), ("r", "e"), ("Ã", "©"), ("e", "r"), ("ĠĠ", "ĠĠ"),
        ])
    }
}

/// Text with everything that the stages treat specially, drawn from a seed.
func randomText(_ generator: inout some RandomNumberGenerator, pieces: Int) -> String {
    let samples = [
        "the", " the", "hello", "'s", "'LL", "'ſ", "\n", "\r\n", " ", "  ", "\t", "\u{3000}", "1", "٣", "½", ".", "...",
        "?!\n\n", "é", "e\u{301}", "e\u{323}\u{307}", "e\u{307}\u{323}", "q\u{307}\u{323}", "\u{344}", "\u{958}", "中文",
        "\u{1100}\u{1161}\u{11A8}", "\u{AC00}\u{11A8}", "안녕", "😀", "👩\u{200D}👧", "🇫🇷", "<|im_start|>", "<|im_end|>",
        "<|im_", "<|", "\u{2126}", "नमस्ते", "\u{301}\u{300}", "Ж", "x", "VAR", "\u{A0}", "\u{85}",
    ]
    return (0..<pieces).map { _ in samples.randomElement(using: &generator)! }.joined()
}
