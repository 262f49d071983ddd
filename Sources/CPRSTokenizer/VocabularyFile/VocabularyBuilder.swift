internal import CPRSCore

/// Collects tokens, then merges, then added tokens, and refuses what does not fit together.
struct VocabularyBuilder {
    private let name: String
    private var index: TokenIndex
    private var mergeList: [VocabularyFile.Merge] = []
    private var addedTokens: [VocabularyFile.AddedToken] = []
    private let alphabet = ByteAlphabet()
    /// Room for what is being decoded; grows to the longest token and merge.
    private var scratch: [UInt8] = []

    /// - Parameter capacity: about how many tokens and merges there will be; a guess only costs time or memory.
    init(name: String, capacity: Int) {
        self.name = name
        self.index = TokenIndex(capacity: capacity)
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
        self.makeRoom(spelling.count)
        let (alphabet, tokenID) = (self.alphabet, TokenID(id))
        let (length, isNew): (Int, Bool) = spelling.withUnsafeBufferPointer { spelling in
            self.scratch.withUnsafeMutableBufferPointer { scratch in
                guard let length = alphabet.decode(spelling, into: scratch) else { return (0, false) }
                guard length <= VocabularyFile.maxTokenBytes else { return (length, false) }
                let bytes = UnsafeBufferPointer(rebasing: scratch[..<length])
                guard self.index.find(bytes) == nil else { return (length, false) }
                self.index.insert(bytes, id: tokenID)
                return (length, true)
            }
        }
        if isNew && length > 0 { return }
        guard length > 0 else {
            throw self.failure("the token \(Self.quoted(spelling)) (id \(id)) is not in the byte-level alphabet")
        }
        guard length <= VocabularyFile.maxTokenBytes else {
            throw self.failure(
                "the token of id \(id) must have at most \(VocabularyFile.maxTokenBytes) bytes (got \(length))")
        }
        throw self.failure("the token \(Self.quoted(spelling)) is there twice")
    }

    private mutating func makeRoom(_ count: Int) {
        guard self.scratch.count < count else { return }
        self.scratch = [UInt8](repeating: 0, count: count * 2)
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
    /// What looking up a merge found.
    private enum MergeLookup { case found(VocabularyFile.Merge), unknownLeft, unknownRight, unknownResult }

    /// Adds the next merge, both parts spelled in the byte-level alphabet.
    mutating func addMerge(_ left: [UInt8], _ right: [UInt8]) throws(CPRSError) {
        self.makeRoom(left.count + right.count)
        let lookup = left.withUnsafeBufferPointer { left in
            right.withUnsafeBufferPointer { right in self.lookUp(left, right) }
        }
        try self.addMerge(lookup, { left }, { right })
    }

    /// Adds a merge written as both parts with one blank between them.
    mutating func addMerge(_ line: [UInt8]) throws(CPRSError) {
        guard let blank = line.firstIndex(of: UInt8(ascii: " ")) else {
            throw self.failure(
                "merge \(self.mergeList.count) must be two tokens with a blank between (got \(Self.quoted(line)))")
        }
        self.makeRoom(line.count)
        let lookup = line.withUnsafeBufferPointer { line in
            self.lookUp(
                UnsafeBufferPointer(rebasing: line[..<blank]), UnsafeBufferPointer(rebasing: line[(blank + 1)...]))
        }
        try self.addMerge(lookup, { Array(line[..<blank]) }, { Array(line[(blank + 1)...]) })
    }

    private mutating func lookUp(
        _ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>
    ) -> MergeLookup {
        let (alphabet, index) = (self.alphabet, self.index)
        return self.scratch.withUnsafeMutableBufferPointer { scratch in
            guard let middle = alphabet.decode(left, into: scratch) else { return .unknownLeft }
            let rest = UnsafeMutableBufferPointer(rebasing: scratch[middle...])
            guard let length = alphabet.decode(right, into: rest) else { return .unknownRight }
            let bytes = UnsafeBufferPointer(rebasing: scratch[..<(middle + length)])
            guard let first = index.find(UnsafeBufferPointer(rebasing: bytes[..<middle])) else { return .unknownLeft }
            guard let second = index.find(UnsafeBufferPointer(rebasing: bytes[middle...])) else {
                return .unknownRight
            }
            guard let result = index.find(bytes) else { return .unknownResult }
            return .found(VocabularyFile.Merge(left: first, right: second, result: result))
        }
    }

    /// The spellings are for messages only.
    private mutating func addMerge(
        _ lookup: MergeLookup, _ left: () -> [UInt8], _ right: () -> [UInt8]
    ) throws(CPRSError) {
        let rank = self.mergeList.count
        switch lookup {
        case .found(let merge): self.mergeList.append(merge)
        case .unknownLeft: throw self.failure("merge \(rank): \(Self.quoted(left())) is not in the vocabulary")
        case .unknownRight: throw self.failure("merge \(rank): \(Self.quoted(right())) is not in the vocabulary")
        case .unknownResult:
            throw self.failure("merge \(rank): the result \(Self.quoted(left() + right())) is not in the vocabulary")
        }
    }

    /// The merges as a table, made when all are known: it does not grow.
    private func mergeTable(_ storage: TableStorage) throws(CPRSError) -> MergeTable {
        var table = MergeTable(capacity: self.mergeList.count, storage: storage)
        for (rank, merge) in self.mergeList.enumerated()
        where !table.append(merge.left, merge.right, result: merge.result) {
            throw self.failure("merge \(rank) repeats merge \(table.rank(merge.left, merge.right))")
        }
        return table
    }
}

// MARK: - Added tokens and the end

extension VocabularyBuilder {
    /// Adds a token that stands for `content` as it is. It may repeat a token of the vocabulary, with the same id.
    mutating func addAdded(_ content: [UInt8], id: Int) throws(CPRSError) {
        guard !content.isEmpty, content.count <= VocabularyFile.maxTokenBytes else {
            throw self.failure(
                "the added token of id \(id) must have 1...\(VocabularyFile.maxTokenBytes) bytes (got \(content.count))"
            )
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
        let storage = TableStorage()
        let merges = try self.mergeTable(storage)
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
            name: self.name, text: text, starts: starts, byteTokens: byteTokens, merges: merges,
            mergeList: self.mergeList, storage: storage, addedTokens: self.addedTokens, isNormalized: isNormalized)
    }
}
