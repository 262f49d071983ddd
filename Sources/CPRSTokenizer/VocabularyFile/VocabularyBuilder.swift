internal import CPRSCore

/// Collects tokens, then merges, then added tokens, and refuses what does not fit together.
struct VocabularyBuilder {
    private let name: String
    private var index: TokenIndex
    private let storage = TableStorage()
    private var merges: MergeTable
    private var mergeList: [VocabularyFile.Merge] = []
    private var addedTokens: [VocabularyFile.AddedToken] = []
    private var scratch: [UInt8] = []

    /// - Parameter capacity: about how many tokens and merges there will be; a guess only costs time or memory.
    init(name: String, capacity: Int) {
        self.name = name
        self.index = TokenIndex(capacity: capacity)
        self.merges = MergeTable(capacity: capacity, storage: self.storage)
        self.mergeList.reserveCapacity(capacity)
    }

    private func failure(_ what: String) -> CPRSError {
        CPRSError(code: .modelUnusable, message: "\(self.name): \(what)")
    }

    private static func quoted(_ bytes: some Sequence<UInt8>) -> String {
        "\"\(String(decoding: Array(bytes), as: UTF8.self))\""
    }
}

// MARK: - Tokens

extension VocabularyBuilder {
    /// Adds a token of the model's vocabulary, spelled in the byte-level alphabet.
    mutating func addToken(_ spelling: [UInt8], id: Int) throws(CPRSError) {
        try self.check(id: id, of: spelling)
        self.scratch.removeAll(keepingCapacity: true)
        guard ByteAlphabet.decode(spelling, into: &self.scratch), !self.scratch.isEmpty else {
            throw self.failure("the token \(Self.quoted(spelling)) (id \(id)) is not in the byte-level alphabet")
        }
        guard self.scratch.count <= VocabularyFile.maxTokenBytes else {
            throw self.failure(
                "the token of id \(id) must have at most \(VocabularyFile.maxTokenBytes) bytes "
                    + "(got \(self.scratch.count))")
        }
        let isNew = self.scratch.withUnsafeBufferPointer { bytes in
            guard self.index.find(bytes) == nil else { return false }
            self.index.insert(bytes, id: TokenID(id))
            return true
        }
        guard isNew else { throw self.failure("the token \(Self.quoted(spelling)) is there twice") }
    }

    private func check(id: Int, of spelling: [UInt8]) throws(CPRSError) {
        guard (0...VocabularyFile.maxID).contains(id) else {
            throw self.failure("the id of \(Self.quoted(spelling)) must be in 0...\(VocabularyFile.maxID) (got \(id))")
        }
        guard self.index.entry(id: id) == nil else {
            throw self.failure("id \(id) stands for two tokens, the second is \(Self.quoted(spelling))")
        }
    }
}

// MARK: - Merges

extension VocabularyBuilder {
    /// Adds the next merge, both parts spelled in the byte-level alphabet.
    mutating func addMerge(
        _ left: some Collection<UInt8>, _ right: some Collection<UInt8>
    ) throws(CPRSError) {
        self.scratch.removeAll(keepingCapacity: true)
        guard ByteAlphabet.decode(left, into: &self.scratch) else { throw self.unknownPart(left) }
        let middle = self.scratch.count
        guard ByteAlphabet.decode(right, into: &self.scratch) else { throw self.unknownPart(right) }
        let (first, second, both) = self.scratch.withUnsafeBufferPointer { bytes in
            (
                self.index.find(UnsafeBufferPointer(rebasing: bytes[..<middle])),
                self.index.find(UnsafeBufferPointer(rebasing: bytes[middle...])), self.index.find(bytes)
            )
        }
        guard let first else { throw self.unknownPart(left) }
        guard let second else { throw self.unknownPart(right) }
        guard let both else {
            throw self.failure(
                "merge \(self.mergeList.count): the result \(Self.quoted(Array(left) + Array(right))) is not in the vocabulary")
        }
        try self.addMerge(VocabularyFile.Merge(left: first, right: second, result: both))
    }

    /// Adds a merge written as both parts with one blank between them.
    mutating func addMerge(_ line: some Collection<UInt8>) throws(CPRSError) {
        guard let blank = line.firstIndex(of: UInt8(ascii: " ")) else {
            throw self.failure("merge \(self.mergeList.count) must be two tokens with a blank between (got \(Self.quoted(line)))")
        }
        try self.addMerge(line[..<blank], line[line.index(after: blank)...])
    }

    private mutating func addMerge(_ merge: VocabularyFile.Merge) throws(CPRSError) {
        guard self.merges.append(merge.left, merge.right, result: merge.result) else {
            let rank = self.merges.rank(merge.left, merge.right)
            throw self.failure("merge \(self.mergeList.count) repeats merge \(rank)")
        }
        self.mergeList.append(merge)
    }

    private func unknownPart(_ part: some Collection<UInt8>) -> CPRSError {
        self.failure("merge \(self.mergeList.count): \(Self.quoted(part)) is not in the vocabulary")
    }
}

// MARK: - Added tokens and the end

extension VocabularyBuilder {
    /// Adds a token that stands for `content` as it is. It may repeat a token of the vocabulary, with the same id.
    mutating func addAdded(_ content: [UInt8], id: Int) throws(CPRSError) {
        guard !content.isEmpty, content.count <= VocabularyFile.maxTokenBytes else {
            throw self.failure(
                "the added token of id \(id) must have 1...\(VocabularyFile.maxTokenBytes) bytes (got \(content.count))")
        }
        guard !self.addedTokens.contains(where: { $0.text == content }) else {
            throw self.failure("the added token \(Self.quoted(content)) is there twice")
        }
        guard !self.addedTokens.contains(where: { $0.id == id }) else {
            throw self.failure("id \(id) stands for two added tokens, the second is \(Self.quoted(content))")
        }
        let known = content.withUnsafeBufferPointer { self.index.find($0) }
        if let known {
            guard known == id else {
                throw self.failure(
                    "the added token \(Self.quoted(content)) has id \(known) in the vocabulary (got \(id))")
            }
        } else {
            try self.check(id: id, of: content)
        }
        self.addedTokens.append(VocabularyFile.AddedToken(id: TokenID(id), text: content))
    }

    /// Everything is there: lays the tokens out by id.
    consuming func finish(isNormalized: Bool) throws(CPRSError) -> VocabularyFile {
        var byteTokens: [TokenID] = []
        for byte in UInt8.min...UInt8.max {
            guard let token = [byte].withUnsafeBufferPointer({ self.index.find($0) }) else {
                throw self.failure("no token stands for the single byte 0x\(String(byte, radix: 16, uppercase: true))")
            }
            byteTokens.append(token)
        }
        var text: [UInt8] = []
        text.reserveCapacity(self.index.text.count)
        var starts = [0]
        let count = self.index.idCount
        starts.reserveCapacity(count + 1)
        for id in 0..<count {
            if let entry = self.index.entry(id: id) { text.append(contentsOf: self.index.text[entry.bytes]) }
            starts.append(text.count)
        }
        return VocabularyFile(
            name: self.name, text: text, starts: starts, byteTokens: byteTokens, merges: self.merges,
            mergeList: self.mergeList, storage: self.storage, addedTokens: self.addedTokens, isNormalized: isNormalized)
    }
}
