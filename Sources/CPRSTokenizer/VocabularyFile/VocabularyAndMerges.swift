internal import CPRSCore
internal import CPRSJSON

/// Reads `vocab.json` with `merges.txt`, and the added tokens of `tokenizer_config.json` if that is there.
///
/// These files do not say how text is cut; they are read as Qwen2's, and a `tokenizer_class` of another is refused.
enum VocabularyAndMerges {
    private static let classes: Set<String> = ["Qwen2Tokenizer", "Qwen2TokenizerFast"]

    /// - Throws: `notFound` without `merges.txt`; `modelUnusable` for the first defect.
    static func read(folder: String) throws(CPRSError) -> VocabularyFile {
        let name = folder + "/vocab.json"
        let bytes = try FileBytes.read(name)
        // Measured on published files: one token takes about 18 bytes.
        var builder = VocabularyBuilder(name: name, capacity: bytes.count / 18)
        var reader = JSONReader(bytes, name: name)
        try reader.readObject { (reader, spelling) throws(CPRSError) in
            try builder.addToken(spelling, id: try reader.readInteger())
        }
        try reader.finish()
        let merges = folder + "/merges.txt"
        guard FileBytes.exists(merges) else {
            throw CPRSError(code: .notFound, message: "\(folder) holds vocab.json but no merges.txt")
        }
        try self.readMerges(try FileBytes.read(merges), &builder)
        let config = folder + "/tokenizer_config.json"
        if FileBytes.exists(config) { try self.readConfig(try FileBytes.read(config), config, &builder) }
        return try builder.finish(isNormalized: true)
    }

    /// One merge a line; a first line that starts with `#version` is none.
    private static func readMerges(_ bytes: [UInt8], _ builder: inout VocabularyBuilder) throws(CPRSError) {
        for (number, line) in bytes.split(separator: 0x0A).enumerated() {
            if number == 0, line.starts(with: "#version".utf8) { continue }
            let merge = line.last == 0x0D ? line.dropLast() : line
            if !merge.isEmpty { try builder.addMerge(merge) }
        }
    }

    private static func readConfig(
        _ bytes: [UInt8], _ name: String, _ builder: inout VocabularyBuilder
    ) throws(CPRSError) {
        guard let config = try JSONValue(bytes, name: name).object else {
            throw CPRSError(code: .modelUnusable, message: "\(name) must be an object")
        }
        if let tokenizerClass = config["tokenizer_class"]?.string, !self.classes.contains(tokenizerClass) {
            throw CPRSError(
                code: .modelUnusable,
                message: "\(name): tokenizer_class must be \(self.classes.sorted().joined(separator: " or ")) "
                    + "(got \(tokenizerClass))")
        }
        guard let added = config["added_tokens_decoder"]?.object else { return }
        for key in added.keys {
            guard let id = Int(key), let token = added[key]?.object, let content = token["content"]?.string else {
                throw CPRSError(
                    code: .modelUnusable,
                    message: "\(name): added_tokens_decoder.\(key) needs a whole number as key and a \"content\"")
            }
            try AddedTokenRules.check(token, content, name: name)
            try builder.addAdded(Array(content.utf8), id: id)
        }
    }
}
