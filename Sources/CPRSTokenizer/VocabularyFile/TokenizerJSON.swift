internal import CPRSCore
internal import CPRSJSON

/// Reads `tokenizer.json`, the format of Hugging Face `tokenizers`.
///
/// Every field that changes ids must say what is implemented here; anything else is refused, never approximated.
/// Left unread: `truncation` and `padding` (input is never cut here), `decoder`, `post_processor.trim_offsets`.
struct TokenizerJSON {
    private let name: String
    private var builder: VocabularyBuilder
    private var isNormalized = false
    private var hasPreTokenizer = false
    private var hasModel = false
    private var hasVocabulary = false
    /// Read after the vocabulary, wherever they stand.
    private var merges: JSONReader?
    private var addedTokens: JSONReader?

    /// Reads a whole file.
    ///
    /// - Throws: `modelUnusable` for the first defect, with its byte offset where it is one of JSON.
    static func read(_ bytes: [UInt8], name: String) throws(CPRSError) -> VocabularyFile {
        // Measured on published files: one token and its merge take about 36 bytes.
        var file = Self(name: name, builder: VocabularyBuilder(name: name, capacity: bytes.count / 36))
        var reader = JSONReader(bytes, name: name)
        try reader.readObject { (reader, key) throws(CPRSError) in try file.member(&reader, key) }
        try reader.finish()
        return try file.finish()
    }

    private init(name: String, builder: VocabularyBuilder) {
        self.name = name
        self.builder = builder
    }

    private func failure(_ what: String) -> CPRSError {
        CPRSError(code: .modelUnusable, message: "\(self.name): \(what)")
    }

    private mutating func member(_ reader: inout JSONReader, _ key: [UInt8]) throws(CPRSError) {
        switch String(decoding: key, as: UTF8.self) {
        case "added_tokens":
            self.addedTokens = reader
            try reader.skipValue()
        case "normalizer": self.isNormalized = try self.normalizer(try reader.readValue())
        case "pre_tokenizer":
            try self.checkPreTokenizer(try reader.readValue())
            self.hasPreTokenizer = true
        case "post_processor": try self.checkPostProcessor(try reader.readValue())
        case "model":
            guard !self.hasModel else { throw self.failure("two \"model\" objects") }
            self.hasModel = true
            try reader.readObject { (reader, key) throws(CPRSError) in try self.modelMember(&reader, key) }
        default: try reader.skipValue()
        }
    }

    private mutating func finish() throws(CPRSError) -> VocabularyFile {
        guard self.hasModel else { throw self.failure("no \"model\"") }
        guard self.hasVocabulary else { throw self.failure("model has no \"vocab\"") }
        guard self.hasPreTokenizer else { throw self.failure("no \"pre_tokenizer\"") }
        guard var merges = self.merges else { throw self.failure("model has no \"merges\"") }
        try self.readMerges(&merges)
        if var addedTokens = self.addedTokens { try self.readAddedTokens(&addedTokens) }
        return try self.builder.finish(isNormalized: self.isNormalized)
    }
}

// MARK: - The model

extension TokenizerJSON {
    private mutating func modelMember(_ reader: inout JSONReader, _ key: [UInt8]) throws(CPRSError) {
        let field = String(decoding: key, as: UTF8.self)
        switch field {
        case "vocab":
            guard !self.hasVocabulary else { throw self.failure("model has two \"vocab\" objects") }
            self.hasVocabulary = true
            try reader.readObject { (reader, spelling) throws(CPRSError) in
                try self.builder.addToken(spelling, id: try reader.readInteger())
            }
        case "merges":
            guard self.merges == nil else { throw self.failure("model has two \"merges\" lists") }
            self.merges = reader
            try reader.skipValue()
        case "type": try self.require(field, try reader.readValue(), [.string("BPE")])
        case "dropout": try self.require(field, try reader.readValue(), [.null, .integer(0)])
        case "continuing_subword_prefix", "end_of_word_suffix":
            try self.require(field, try reader.readValue(), [.null, .string("")])
        case "byte_fallback", "ignore_merges":
            try self.require(field, try reader.readValue(), [.bool(false), .null])
        // Every byte has a token (checked), so nothing is ever unknown.
        case "unk_token", "fuse_unk": try reader.skipValue()
        default: throw self.failure("model.\(field) is not known, so its effect on ids is not either")
        }
    }

    private func require(_ field: String, _ value: JSONValue, _ allowed: [JSONValue]) throws(CPRSError) {
        guard allowed.contains(value) else {
            let list = allowed.map { Self.describe($0) }.joined(separator: " or ")
            throw self.failure("model.\(field) must be \(list) (got \(Self.describe(value)))")
        }
    }

    private mutating func readMerges(_ reader: inout JSONReader) throws(CPRSError) {
        try reader.readArray { (reader) throws(CPRSError) in
            guard try reader.peek() == UInt8(ascii: "[") else {
                try self.builder.addMerge(try reader.readStringBytes())
                return
            }
            let offset = reader.offset
            var parts: [[UInt8]] = []
            try reader.readArray { (reader) throws(CPRSError) in parts.append(try reader.readStringBytes()) }
            guard parts.count == 2 else {
                throw reader.failure("a merge must have two parts (got \(parts.count))", at: offset)
            }
            try self.builder.addMerge(parts[0], parts[1])
        }
    }

    private mutating func readAddedTokens(_ reader: inout JSONReader) throws(CPRSError) {
        if try reader.readNull() { return }
        try reader.readArray { (reader) throws(CPRSError) in
            let offset = reader.offset
            guard let token = try reader.readValue().object, let id = token["id"]?.integer,
                let content = token["content"]?.string
            else { throw reader.failure("an added token needs a whole \"id\" and a \"content\"", at: offset) }
            try AddedTokenRules.check(token, content, name: self.name)
            try self.builder.addAdded(Array(content.utf8), id: id)
        }
    }
}

// MARK: - What comes before the model

extension TokenizerJSON {
    private func normalizer(_ value: JSONValue) throws(CPRSError) -> Bool {
        if value.isNull { return false }
        let type = value.object?["type"]?.string
        guard type == "NFC" else {
            throw self.failure("normalizer must be null or of type NFC (got \(type ?? Self.describe(value)))")
        }
        return true
    }

    /// Accepts the split pattern by itself or with the byte-level step after it, as long as that adds nothing.
    private func checkPreTokenizer(_ value: JSONValue) throws(CPRSError) {
        let steps =
            value.object?["type"] == .string("Sequence") ? value.object?["pretokenizers"]?.array ?? [] : [value]
        guard steps.count == 2, let split = steps[0].object, let byteLevel = steps[1].object,
            split["type"] == .string("Split"), byteLevel["type"] == .string("ByteLevel")
        else {
            let types = steps.map { $0.object?["type"]?.string ?? Self.describe($0) }.joined(separator: ", ")
            throw self.failure("pre_tokenizer must be a sequence of Split and ByteLevel (got \(types))")
        }
        let pattern = split["pattern"]?.object?["Regex"]?.string
        guard pattern == PreTokenizer.pattern else {
            throw self.failure("pre_tokenizer's pattern must be Qwen2's (got \(pattern ?? "none"))")
        }
        guard split["behavior"] == .string("Isolated"), split["invert"] == .bool(false) else {
            throw self.failure("pre_tokenizer's Split must have behavior Isolated and invert false")
        }
        guard byteLevel["add_prefix_space"] == .bool(false), byteLevel["use_regex"] == .bool(false) else {
            throw self.failure("pre_tokenizer's ByteLevel must have add_prefix_space false and use_regex false")
        }
    }

    private func checkPostProcessor(_ value: JSONValue) throws(CPRSError) {
        guard value.isNull || value.object?["type"] == .string("ByteLevel") else {
            let type = value.object?["type"]?.string ?? Self.describe(value)
            throw self.failure("post_processor must be null or of type ByteLevel (got \(type))")
        }
    }

    private static func describe(_ value: JSONValue) -> String {
        switch value {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .string(let value): "\"\(value)\""
        case .array: "an array"
        case .object: "an object"
        }
    }
}
