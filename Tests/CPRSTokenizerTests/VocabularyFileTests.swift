internal import CPRSCore
internal import CPRSTestSupport
internal import CPRSTokenizer
internal import Testing

@Suite("Vocabulary files")
struct VocabularyFileTests {
    /// A change that spoils the English tokenizer, and what the error must say.
    struct Defect: Sendable, CustomTestStringConvertible {
        var message: String
        var spoil: @Sendable (inout TinyTokenizer) -> Void
        var testDescription: String { self.message }

        init(_ message: String, _ spoil: @escaping @Sendable (inout TinyTokenizer) -> Void) {
            self.message = message
            self.spoil = spoil
        }
    }

    static let defects: [Defect] = [
        Defect("id 7 stands for two tokens, the second is \"the\"") { $0.set("the", id: 7) },
        Defect("the id of \"the\" must be in 0...4194304 (got -1)") { $0.set("the", id: -1) },
        Defect("the id of \"the\" must be in 0...4194304 (got 4194305)") { $0.set("the", id: 4_194_305) },
        Defect("the token \"the\" is there twice") { $0.vocabulary.append(("the", 900)) },
        Defect("the token \"▁the\" (id 900) is not in the byte-level alphabet") { $0.vocabulary.append(("▁the", 900)) },
        Defect("the token \"\" (id 900) is not in the byte-level alphabet") { $0.vocabulary.append(("", 900)) },
        Defect("no token stands for the single byte 0x7A") { $0.vocabulary.removeAll { $0.spelling == "z" } },
        Defect("merge 13: \"zz\" is not in the vocabulary") { $0.merges.append(("zz", "z")) },
        Defect("merge 13: \"qq\" is not in the vocabulary") { $0.merges.append(("z", "qq")) },
        Defect("merge 13: the result \"zq\" is not in the vocabulary") { $0.merges.append(("z", "q")) },
        Defect("merge 13 repeats merge 1") { $0.merges.append(("t", "he")) },
        Defect("the added token \"<a>\" is there twice") { $0.added = [("<a>", 900), ("<a>", 901)] },
        Defect("id 900 stands for two added tokens, the second is \"<b>\"") {
            $0.added = [("<a>", 900), ("<b>", 900)]
        },
        Defect("id 7 stands for two tokens, the second is \"<a>\"") { $0.added = [("<a>", 7)] },
        Defect("the added token \"the\" has id 257 in the vocabulary (got 900)") { $0.added = [("the", 900)] },
        Defect("the added token of id 900 must have 1...65535 bytes (got 0)") { $0.added = [("", 900)] },
        Defect("the id of \"<a>\" must be in 0...4194304 (got 9999999)") { $0.added = [("<a>", 9_999_999)] },
        Defect("the added token \"<a>\" must have lstrip false") {
            $0.added = [("<a>", 900)]
            $0.addedFlags = #""lstrip": true"#
        },
        Defect("the added token \"<a>\" must have normalized false") {
            $0.added = [("<a>", 900)]
            $0.addedFlags = #""normalized": true"#
        },
        Defect("normalizer must be null or of type NFC (got NFKC)") { $0.normalizer = #"{"type": "NFKC"}"# },
        Defect("pre_tokenizer's pattern must be Qwen2's (got \\s+)") {
            $0.preTokenizer = $0.preTokenizer.replacing("PATTERN", with: #"\\s+"#)
        },
        Defect("pre_tokenizer must be a sequence of Split and ByteLevel (got ByteLevel)") {
            $0.preTokenizer = #"{"type": "ByteLevel"}"#
        },
        Defect("pre_tokenizer's Split must have behavior Isolated and invert false") {
            $0.preTokenizer = $0.preTokenizer.replacing("Isolated", with: "Removed")
        },
        Defect("pre_tokenizer's ByteLevel must have add_prefix_space false") {
            $0.preTokenizer = $0.preTokenizer.replacing(
                #""add_prefix_space": false"#, with: #""add_prefix_space": true"#)
        },
        Defect("post_processor must be null or of type ByteLevel (got TemplateProcessing)") {
            $0.postProcessor = #"{"type": "TemplateProcessing"}"#
        },
        Defect("model.type must be \"BPE\" (got \"Unigram\")") { $0.modelFields = #""type": "Unigram""# },
        Defect("model.dropout must be null or 0 (got 0.1)") { $0.modelFields = #""dropout": 0.1"# },
        Defect("model.byte_fallback must be false or null (got true)") { $0.modelFields = #""byte_fallback": true"# },
        Defect("model.ignore_merges must be false or null (got true)") { $0.modelFields = #""ignore_merges": true"# },
        Defect("model.end_of_word_suffix must be null or \"\" (got \"</w>\")") {
            $0.modelFields = #""end_of_word_suffix": "</w>""#
        },
        Defect("model.surprise is not known") { $0.modelFields = #""surprise": 1"# },
        Defect("model has two \"vocab\" objects") { $0.modelFields = #""vocab": {}"# },
    ]

    @Test("each defect of tokenizer.json has its own message", arguments: Self.defects)
    func refuses(_ defect: Defect) throws {
        var tokenizer = TinyTokenizer.english
        defect.spoil(&tokenizer)
        let error = #expect(throws: CPRSError.self) { try tokenizer.load() }
        #expect(error?.code == .modelUnusable)
        #expect(error?.message.contains(defect.message) == true, "\(String(describing: error))")
        #expect(error?.message.contains("tokenizer.json: ") == true)
    }

    @Test(
        "damaged JSON and missing parts are told apart",
        arguments: [
            ("{", "the document ends early"), ("{}", "no \"model\""), ("[]", "expected an object"),
            (#"{"model": {"merges": []}}"#, "model has no \"vocab\""),
            (#"{"pre_tokenizer": null}"#, "pre_tokenizer must be"),
            (#"{"model": {"vocab": {}}}"#, "no \"pre_tokenizer\""),
            (#"{"model": {"vocab": {"a": 1.5}}}"#, "is not an integer"),
            (#"{"model": {"vocab": {"a": "b"}}}"#, "expected a value"),
            (#"{"model": {}, "model": {}}"#, "two \"model\" objects"),
        ])
    func refusesDamage(_ json: String, _ message: String) throws {
        let folder = TemporaryFolder()
        folder.write(json, to: "tokenizer.json")
        let error = #expect(throws: CPRSError.self) { try Tokenizer(folder: folder.path) }
        #expect(error?.code == .modelUnusable)
        #expect(
            error?.message.contains(message) == true, "\(String(describing: error))")
    }

    @Test("merges of one, and of three parts are refused")
    func refusesOddMerges() throws {
        for (merge, message) in [
            (#""ab""#, "merge 13 must be two tokens with a blank between"), (#"["a"]"#, "must have two parts (got 1)"),
            (#"["a", "b", "c"]"#, "must have two parts (got 3)"), (#""a b c""#, "\"b c\" is not in the vocabulary"),
        ] {
            let folder = TemporaryFolder()
            let json = TinyTokenizer.english.json
            folder.write(json.replacing("\"ĠĠ ĠĠ\"]", with: "\"ĠĠ ĠĠ\", \(merge)]"), to: "tokenizer.json")
            let error = #expect(throws: CPRSError.self) { try Tokenizer(folder: folder.path) }
            #expect(error?.message.contains(message) == true, "\(String(describing: error))")
        }
    }

    @Test("more merges than the file's size suggests are all read")
    func readsDenseMerges() throws {
        let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTU".map { String($0) }
        let tokenizer = TinyTokenizer(merges: letters.flatMap { left in letters.map { (left, $0) } })
        // A merge takes 19 bytes here; the file used to be taken to hold one for each 36.
        let tokens = try tokenizer.load().encode(Array("abUUTA".utf8), specialTokens: .text)
        #expect(tokens.map(\.bytes) == [0..<2, 2..<4, 4..<6])
    }

    @Test("a missing merges list is refused")
    func refusesMissingMerges() throws {
        let folder = TemporaryFolder()
        folder.write(
            TinyTokenizer.english.json.replacing("\"merges\"", with: "\"unk_token\""), to: "tokenizer.json")
        let error = #expect(throws: CPRSError.self) { try Tokenizer(folder: folder.path) }
        #expect(error?.message.contains("model has no \"merges\"") == true)
    }

    @Test("merges as strings and as pairs, before or after the vocabulary, mean the same")
    func readsEveryForm() throws {
        var pairs = TinyTokenizer.english
        pairs.mergesArePairs = true
        let text = Array("hello the  hell, he'll".utf8)
        let expected = try TinyTokenizer.english.load().encode(text, specialTokens: .text)
        // "hell" is no token: "he" is made first, which leaves nothing for "ell".
        let pieces = ["he", "ll", "o", " the", " ", " ", "he", "ll", ",", " ", "he", "'ll"]
        #expect(expected.map { String(decoding: text[$0.bytes], as: UTF8.self) } == pieces)
        #expect(try pairs.load().encode(text, specialTokens: .text) == expected)
        let folder = TemporaryFolder()
        let merges = pairs.merges.map { "[\(TinyTokenizer.quoted($0.0)), \(TinyTokenizer.quoted($0.1))]" }
        pairs.modelFields = "\"merges\": [\(merges.joined(separator: ","))]"
        pairs.merges = []
        folder.write(pairs.json.replacing(#""merges": []}}"#, with: #""unk_token": null}}"#), to: "tokenizer.json")
        #expect(try Tokenizer(folder: folder.path).encode(text, specialTokens: .text) == expected)
    }

    @Test("without a normalizer text stays as it is")
    func readsNullNormalizer() throws {
        var tokenizer = TinyTokenizer.english
        tokenizer.normalizer = "null"
        let text = Array("e\u{301}".utf8)
        let tokens = try tokenizer.load().encode(text, specialTokens: .text)
        #expect(tokens.map(\.bytes) == [0..<1, 1..<2, 2..<3])
    }
}

extension VocabularyFileTests {
    @Test("vocab.json with merges.txt and tokenizer_config.json gives the tokens of tokenizer.json")
    func readsSeparateFiles() throws {
        var tiny = TinyTokenizer.english
        tiny.added = [("<|im_start|>", 900)]
        let folder = TemporaryFolder()
        folder.write(tiny.vocabularyJSON, to: "vocab.json")
        let lines = tiny.merges.map { "\($0.0) \($0.1)\r\n" }.joined()
        folder.write("#version: 0.2\n" + lines, to: "merges.txt")
        let config =
            #"{"tokenizer_class": "Qwen2Tokenizer", "added_tokens_decoder": {"900": {"content": "<|im_start|>"}}}"#
        folder.write(config, to: "tokenizer_config.json")
        let text = Array("the hello<|im_start|> e\u{301}\n\nhe'll".utf8)
        #expect(
            try Tokenizer(folder: folder.path).encode(text, specialTokens: .recognised)
                == tiny.load().encode(text, specialTokens: .recognised))
    }

    @Test("a folder without a tokenizer, without merges or of another class is refused")
    func refusesFolders() throws {
        let folder = TemporaryFolder()
        func refused() -> CPRSError? { #expect(throws: CPRSError.self) { try Tokenizer(folder: folder.path) } }
        #expect(refused()?.message.contains("holds no tokenizer") == true)
        folder.write(TinyTokenizer.english.vocabularyJSON, to: "vocab.json")
        let missing = refused()
        #expect(missing?.code == .notFound)
        #expect(missing?.message.contains("no merges.txt") == true)
        folder.write("h e\n", to: "merges.txt")
        folder.write(#"{"tokenizer_class": "LlamaTokenizer"}"#, to: "tokenizer_config.json")
        #expect(refused()?.message.contains("tokenizer_class must be Qwen2Tokenizer") == true)
        folder.write(#"{"added_tokens_decoder": {"x": {"content": "<a>"}}}"#, to: "tokenizer_config.json")
        #expect(refused()?.message.contains("added_tokens_decoder.x needs a whole number") == true)
        folder.write("h\n", to: "merges.txt")
        #expect(refused()?.message.contains("merge 0 must be two tokens") == true)
    }
}

extension TinyTokenizer {
    fileprivate mutating func set(_ spelling: String, id: Int) {
        let index = self.vocabulary.firstIndex { $0.spelling == spelling }!
        self.vocabulary[index].id = id
    }
}
