internal import CPRSCore

/// A vocabulary as its files state it, checked, in flat arrays.
struct VocabularyFile: Sendable {
    /// One line of the merges list.
    struct Merge: Sendable {
        var left: TokenID
        var right: TokenID
        var result: TokenID
    }

    /// A token that stands for a literal text and takes no part in merges.
    struct AddedToken: Sendable {
        var id: TokenID
        var text: [UInt8]
    }

    /// Largest id that is accepted, so that one wrong number does not allocate gigabytes.
    static let maxID = 1 << 22
    /// Longest token, in bytes.
    static let maxTokenBytes = Int(UInt16.max)

    /// What the source is called in messages.
    var name: String
    /// The bytes of all tokens by ascending id, and where each starts; one start more than ids.
    var text: [UInt8]
    var starts: [Int]
    /// The token of each byte, 256 of them.
    var byteTokens: [TokenID]
    /// The same merges as a table and as a list, by ascending rank.
    var merges: MergeTable
    var mergeList: [Merge]
    /// Owns `merges`.
    var storage: TableStorage
    var addedTokens: [AddedToken]
    /// Text is brought to NFC first.
    var isNormalized: Bool
}

extension VocabularyFile {
    /// Reads a folder: `tokenizer.json`, else `vocab.json` and `merges.txt`.
    ///
    /// - Throws: `notFound` if neither is there; `modelUnusable` for the first defect.
    static func read(folder: String) throws(CPRSError) -> Self {
        let single = folder + "/tokenizer.json"
        if FileBytes.exists(single) { return try TokenizerJSON.read(try FileBytes.read(single), name: single) }
        let vocabulary = folder + "/vocab.json"
        guard FileBytes.exists(vocabulary) else {
            throw CPRSError(
                code: .notFound, message: "\(folder) holds no tokenizer: neither tokenizer.json nor vocab.json")
        }
        return try VocabularyAndMerges.read(folder: folder)
    }
}
