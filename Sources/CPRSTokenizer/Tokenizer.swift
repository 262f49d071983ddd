package import CPRSCore

/// A byte-level BPE tokenizer of the Qwen2 family, read from a model's folder.
///
/// Text passes four stages, each in its own file: `Utf8Validation` (bytes to whole characters), `Normalizer` (NFC),
/// `PreTokenizer` (cuts at words, digits, punctuation, white space), `BytePairEncoder` (tokens of each piece).
/// ``StreamingTokenizer`` joins them; ``encode(_:specialTokens:)`` is that on a text at hand.
package final class Tokenizer: Sendable {
    /// What to do with added tokens (markers such as `<|im_start|>`) spelled in the text.
    package enum SpecialTokens: Sendable {
        /// They are text like any other.
        case text
        /// They become their one token. Only for text that nobody else wrote.
        case recognised
    }

    let vocabulary: Vocabulary
    let addedTokens: [VocabularyFile.AddedToken]
    let isNormalized: Bool

    /// Reads `tokenizer.json`, else `vocab.json` + `merges.txt` (+ `tokenizer_config.json`).
    ///
    /// - Throws: `notFound` if the folder holds neither; `modelUnusable` with the first defect, or with the first
    ///   setting that is not implemented.
    package init(folder: String) throws(CPRSError) {
        let file = try VocabularyFile.read(folder: folder)
        self.vocabulary = try Vocabulary(file)
        self.addedTokens = file.addedTokens
        self.isNormalized = file.isNormalized
    }

    /// For ``init(packed:owner:name:)``.
    init(vocabulary: Vocabulary, addedTokens: [VocabularyFile.AddedToken], isNormalized: Bool) {
        self.vocabulary = vocabulary
        self.addedTokens = addedTokens
        self.isNormalized = isNormalized
    }

    /// One more than the largest id, added tokens included.
    package var vocabularySize: Int {
        max(self.vocabulary.count, (self.addedTokens.map { Int($0.id) }.max() ?? -1) + 1)
    }

    /// The id of an added token spelled exactly so, or nil.
    package func specialToken(_ text: String) -> TokenID? {
        self.addedTokens.first { $0.text.elementsEqual(text.utf8) }?.id
    }

    /// The bytes that the id stands for; nil if no token has it.
    package func bytes(of id: TokenID) -> [UInt8]? {
        if let added = self.addedTokens.first(where: { $0.id == id }) { return added.text }
        guard id >= 0, Int(id) < self.vocabulary.count else { return nil }
        let bytes = self.vocabulary.bytes(of: id)
        return bytes.isEmpty ? nil : bytes
    }

    /// The tokens of a whole text.
    ///
    /// Their ranges ascend. They cover the text, except for what normalization joined to the character before it:
    /// of `e` + U+0301 the token has only the `e`, as in the reference. So text up to the next token's start belongs
    /// to a token.
    ///
    /// - Throws: `invalidText` with the offset of the first byte that is not valid UTF-8.
    package func encode(_ bytes: [UInt8], specialTokens: SpecialTokens) throws(CPRSError) -> [Token] {
        var stream = StreamingTokenizer(self, specialTokens: specialTokens)
        var tokens: [Token] = []
        try stream.append(bytes, into: &tokens)
        try stream.finish(into: &tokens)
        return tokens
    }
}
