internal import CPRSCore
internal import CPRSTestSupport
internal import CPRSTokenizer

extension FuzzTarget {
    /// The default model's tokenizer on any text.
    static let text = FuzzTarget(name: "text") { input in
        var input = FuzzInput(input)
        let sizes = input.chunkSizes()
        let text = input.rest
        let tokenizer = try defaultTokenizer.get()
        try TokenizerChecks(tokenizer, .recognised).check(text, chunkSizes: sizes)
        guard let tokens = try TokenizerChecks(tokenizer).check(text, chunkSizes: sizes) else { return }
        let normalized = Normalizer.nfc(text)
        let spelled = tokens.flatMap { tokenizer.bytes(of: $0.id) ?? [] }
        try require(spelled == normalized, "tokens spell the normal form: \(spelled), \(normalized)")
        try require(Normalizer.nfc(normalized) == normalized, "normalizing twice changes nothing: \(normalized)")
        if normalized == text { try TokenizerChecks(tokenizer).checkAgainstReference(text, tokens) }
    }

    /// Any tokenizer.json is refused, or gives a tokenizer that does what is defined.
    ///
    /// An input that starts with `{` is the file; of others, parts that end with a zero byte are put into a small one.
    static let tokenizerFile = FuzzTarget(name: "tokenizer-file") { input in
        var file = input
        var text = Array("the hello <|im_end|> aaaaaab, abab\n\n  1é".utf8)
        if input.first != UInt8(ascii: "{") {
            var input = FuzzInput(input)
            var parts = (0..<4).map { _ in String(decoding: input.part(until: 0), as: UTF8.self) }
            if parts[0].isEmpty { parts[0] = "null" }
            let small = SmallTokenizer(
                vocabulary: parts[1], merges: parts[2], addedTokens: parts[3], normalizer: parts[0])
            file = small.json
            text = input.rest
        }
        guard let tokenizer = try? load(file) else { return }
        try TokenizerChecks(tokenizer, .recognised).check(text, chunkSizes: [3, 1])
        guard let tokens = try TokenizerChecks(tokenizer).check(text, chunkSizes: [3, 1]) else { return }
        for id in -1...TokenID(min(tokenizer.vocabularySize, 1000)) { _ = tokenizer.bytes(of: id) }
        if Normalizer.nfc(text) == text { try TokenizerChecks(tokenizer).checkAgainstReference(text, tokens) }
    }

    /// Any merges over a few letters give the tokens that the definition gives, packed or not.
    static let merges = FuzzTarget(name: "merges") { input in
        var input = FuzzInput(input)
        let letters = Array("abc ".utf8)
        let isPacked = input.byte() & 7 == 0
        var tokens = letters.map { [$0] }
        var pairs: Set<[Int]> = []
        var file = SmallTokenizer()
        var (vocabulary, merges): ([String], [String]) = ([], [])
        for _ in 0..<Int(input.byte() % 64) {
            let pair = [Int(input.byte()) % tokens.count, Int(input.byte()) % tokens.count]
            let result = tokens[pair[0]] + tokens[pair[1]]
            guard result.count <= 24, pairs.insert(pair).inserted else { continue }
            merges.append("[\(SmallTokenizer.quoted(tokens[pair[0]])), \(SmallTokenizer.quoted(tokens[pair[1]]))]")
            if !tokens.contains(result) {
                tokens.append(result)
                vocabulary.append("\(SmallTokenizer.quoted(result)): \(252 + tokens.count - 1)")
            }
        }
        file.vocabulary = vocabulary.joined(separator: ", ")
        file.merges = merges.joined(separator: ", ")
        let text = input.rest.flatMap { byte in (0..<4).map { letters[Int(byte >> (2 * UInt8($0))) & 3] } }
        let tokenizer: Tokenizer
        do { tokenizer = try load(file.json) } catch { throw Violation("a sound file is taken: \(error)") }
        guard let found = try TokenizerChecks(tokenizer).check(text, chunkSizes: [5]) else { return }
        try TokenizerChecks(tokenizer).checkAgainstReference(text, found)
        guard isPacked else { return }
        let packed = PackedBytes(tokenizer.packed())
        try require(try packed.load().encode(text, specialTokens: .text) == found, "packed, the tokens are the same")
    }
}

/// The tokenizer of the model that ships, loaded once.
let defaultTokenizer = Result { try Tokenizer(folder: SharedData.modelFolder) }

private func load(_ file: [UInt8]) throws -> Tokenizer {
    let folder = InputFolder()
    folder.write(file, to: "tokenizer.json")
    return try Tokenizer(folder: folder.path)
}
