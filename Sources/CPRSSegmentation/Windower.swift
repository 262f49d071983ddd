package import CPRSCore

/// Packs whole sentences into windows: as many as fit, in order, every token in exactly one window.
///
/// A token belongs to the sentence that holds its last byte. A sentence longer than the room is cut: before the last
/// token in the second half of the room that starts a word, else before the last token that starts inside a word but
/// not inside a character, else at the room. Offsets alone do not show words, so the caller may tell from the id what
/// a token starts with; tokens whose byte ranges overlap are taken for parts of one character in any case.
///
/// - Complexity: O(tokens + sentence ends); memory for what was appended and not yet taken, which is about a window.
package struct Windower: Sendable {
    /// What a token's first byte begins or continues.
    package enum TokenStart: Sendable { case word, insideWord, insideCharacter }

    private let roomTokens: Int
    private let startOfToken: @Sendable (TokenID) -> TokenStart
    private var tokens = Queue<Token>()
    private var ends = Queue<Int>()
    private var settledBytes = 0
    private var isFinished = false

    /// A windower at the start of a text.
    ///
    /// - Parameters:
    ///   - roomTokens: context tokens that fit beside the prompt; at least 1.
    ///   - startOfToken: what a token starts with; asked only about tokens of a sentence longer than the room.
    package init(
        roomTokens: Int, startOfToken: @escaping @Sendable (TokenID) -> TokenStart = { _ in .insideWord }
    ) {
        precondition(roomTokens >= 1, "roomTokens must be at least 1 (got \(roomTokens))")
        self.roomTokens = roomTokens
        self.startOfToken = startOfToken
    }

    /// Takes the next tokens, in the order of the text.
    package mutating func append(tokens: some Sequence<Token>) { self.tokens.append(tokens) }

    /// Takes the next sentence ends, ascending, and the offset up to which they are complete.
    package mutating func append(sentenceEnds: some Sequence<Int>, settledBytes: Int) {
        self.ends.append(sentenceEnds)
        self.settledBytes = max(self.settledBytes, settledBytes)
    }

    /// Says that every token and sentence end was appended.
    package mutating func finish() { self.isFinished = true }

    /// The next window whose extent is certain; nil if more input is needed, or all was given out.
    package mutating func next() -> [Token]? {
        guard self.tokens.count > self.roomTokens else {
            return self.isFinished && self.tokens.count > 0 ? self.take(self.tokens.count) : nil
        }
        guard self.isFinished || self.settledBytes >= self.tokens[self.roomTokens].bytes.upperBound - 1 else {
            return nil
        }
        return self.take(self.lastSentenceStart() ?? self.cutInsideSentence())
    }

    /// Index of the last token, at most the room, that is the first of a sentence.
    private func lastSentenceStart() -> Int? {
        var found: Int?
        var end = 0
        for index in 1...self.roomTokens {
            let previous = self.tokens[index - 1].bytes.upperBound
            while end < self.ends.count, self.ends[end] < previous { end += 1 }
            guard end < self.ends.count else { break }
            if self.ends[end] < self.tokens[index].bytes.upperBound { found = index }
        }
        return found
    }

    private func cutInsideSentence() -> Int {
        var insideWord: Int?
        for index in stride(from: self.roomTokens, to: 0, by: -1) {
            if self.tokens[index].bytes.lowerBound < self.tokens[index - 1].bytes.upperBound { continue }
            switch self.startOfToken(self.tokens[index].id) {
            case .word where index > self.roomTokens / 2: return index
            case .word, .insideWord: insideWord = insideWord ?? index
            case .insideCharacter: continue
            }
            if index <= self.roomTokens / 2, insideWord != nil { break }
        }
        return insideWord ?? self.roomTokens
    }

    private mutating func take(_ count: Int) -> [Token] {
        let window = self.tokens.removeFirst(count)
        let last = window[count - 1].bytes.upperBound
        var passed = 0
        while passed < self.ends.count, self.ends[passed] <= last { passed += 1 }
        self.ends.skip(passed)
        return window
    }
}
