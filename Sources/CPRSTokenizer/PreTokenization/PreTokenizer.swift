/// The third stage: cuts normalized text into *pretokens*, inside which tokens are formed.
///
/// A scanner for exactly one pattern, Qwen2's, which is tried in this order at each place:
///
///     (?i:'s|'t|'re|'ve|'m|'ll|'d)          a contraction
///     [^\r\n\p{L}\p{N}]?\p{L}+              a word, with one character before it
///     \p{N}                                 one digit
///      ?[^\s\p{L}\p{N}]+[\r\n]*             punctuation, with one blank before and line ends after
///     \s*[\r\n]+                            white space up to its last line end
///     \s+(?!\S)                             white space but for its last character, if text follows
///     \s+                                   white space
///
/// It never goes back over more than a run of white space, and, given more text, goes on where it stopped.
package struct PreTokenizer: Sendable {
    /// The only pattern this scanner implements, as `tokenizer.json` spells it.
    package static let pattern =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

    /// What the open pretoken is known to be, and how far it was scanned.
    private enum Progress: Sendable {
        case unknown
        case word(scanned: Int)
        case punctuation(scanned: Int)
        /// Punctuation that may still take line ends.
        case punctuationLineEnds(scanned: Int)
        case whiteSpace(WhiteSpaceRun)
    }

    /// A run of white space from the pretoken's start on.
    private struct WhiteSpaceRun: Sendable {
        var scanned: Int
        /// End of the last line end, or the run's start.
        var lineEnd: Int
        /// Start of the run's last character.
        var lastCharacter: Int
    }

    private let classes = CharacterClasses.shared
    private var progress = Progress.unknown

    /// The end of the pretoken that starts at `start`, or nil if more text could change it.
    ///
    /// - Parameters:
    ///   - text: valid UTF-8, `count` bytes of whole characters.
    ///   - start: in `0..<count`. After nil the next call must pass the same start, and the same text with more after
    ///     it; both may have moved, as long as scanning offsets are told apart by ``moved(by:)``.
    ///   - isComplete: no text will follow.
    @inline(__always)
    mutating func end(_ text: UnsafePointer<UInt8>, from start: Int, count: Int, isComplete: Bool) -> Int? {
        let end =
            switch self.progress {
            case .unknown: self.begin(text, start, count, isComplete)
            case .word(let scanned): self.word(text, scanned, count, isComplete)
            case .punctuation(let scanned): self.punctuation(text, scanned, count, isComplete)
            case .punctuationLineEnds(let scanned): self.lineEnds(text, scanned, count, isComplete)
            case .whiteSpace(let run): self.whiteSpace(text, run, start, count, isComplete)
            }
        if end != nil { self.progress = .unknown }
        return end
    }

    /// The text before the open pretoken was dropped: offsets shrink by `dropped`.
    mutating func moved(by dropped: Int) {
        switch self.progress {
        case .unknown: break
        case .word(let scanned): self.progress = .word(scanned: scanned - dropped)
        case .punctuation(let scanned): self.progress = .punctuation(scanned: scanned - dropped)
        case .punctuationLineEnds(let scanned): self.progress = .punctuationLineEnds(scanned: scanned - dropped)
        case .whiteSpace(var run):
            run.scanned -= dropped
            run.lineEnd -= dropped
            run.lastCharacter -= dropped
            self.progress = .whiteSpace(run)
        }
    }
}

extension PreTokenizer {
    /// The pretokens of a whole text of valid UTF-8, as byte ranges.
    package static func split(_ text: [UInt8]) -> [Range<Int>] {
        var scanner = Self()
        var pretokens: [Range<Int>] = []
        text.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            var start = 0
            while start < text.count, let end = scanner.end(base, from: start, count: text.count, isComplete: true) {
                pretokens.append(start..<end)
                start = end
            }
        }
        return pretokens
    }
}

// MARK: - The alternatives

extension PreTokenizer {
    /// The class and length of the character at `offset`, which is inside the text.
    @inline(__always)
    private func character(_ text: UnsafePointer<UInt8>, _ offset: Int) -> (class: UInt8, length: Int) {
        let (codePoint, length) = decodeScalar(text, at: offset)
        return (self.classes.rawClass(codePoint), length)
    }

    @inline(__always)
    private mutating func begin(
        _ text: UnsafePointer<UInt8>, _ start: Int, _ count: Int, _ isComplete: Bool
    ) -> Int? {
        let (firstClass, firstLength) = self.character(text, start)
        let second = start &+ firstLength
        switch firstClass {
        case CharacterClass.letter.rawValue: return self.word(text, second, count, isComplete)
        case CharacterClass.number.rawValue: return second
        case CharacterClass.lineEnd.rawValue:
            return self.whiteSpace(
                text, WhiteSpaceRun(scanned: second, lineEnd: second, lastCharacter: start), start, count, isComplete)
        default: break
        }
        let isSpace = firstClass == CharacterClass.space.rawValue
        let run = WhiteSpaceRun(scanned: second, lineEnd: start, lastCharacter: start)
        guard second < count else {
            guard isComplete else { return nil }
            return second
        }
        if text[start] == UInt8(ascii: "'") {
            switch Contraction.at(text, second, count) {
            case .end(let end): return end
            case .none: break
            case .needsMore: if !isComplete { return nil }
            }
        }
        let (secondClass, secondLength) = self.character(text, second)
        if secondClass == CharacterClass.letter.rawValue {
            return self.word(text, second &+ secondLength, count, isComplete)
        }
        if !isSpace { return self.punctuation(text, second, count, isComplete) }
        if text[start] == UInt8(ascii: " "), secondClass == CharacterClass.other.rawValue {
            return self.punctuation(text, second &+ secondLength, count, isComplete)
        }
        return self.whiteSpace(text, run, start, count, isComplete)
    }

    /// `\p{L}*`, the rest of a word.
    @inline(__always)
    private mutating func word(
        _ text: UnsafePointer<UInt8>, _ scanned: Int, _ count: Int, _ isComplete: Bool
    ) -> Int? {
        let end = self.endOfRun(of: .letter, text, scanned, count)
        if end < count || isComplete { return end }
        self.progress = .word(scanned: end)
        return nil
    }

    /// `[^\s\p{L}\p{N}]*[\r\n]*`, the rest of punctuation.
    @inline(__always)
    private mutating func punctuation(
        _ text: UnsafePointer<UInt8>, _ scanned: Int, _ count: Int, _ isComplete: Bool
    ) -> Int? {
        let end = self.endOfRun(of: .other, text, scanned, count)
        if end < count || isComplete { return self.lineEnds(text, end, count, isComplete) }
        self.progress = .punctuation(scanned: end)
        return nil
    }

    /// `[\r\n]*` after punctuation.
    @inline(__always)
    private mutating func lineEnds(
        _ text: UnsafePointer<UInt8>, _ scanned: Int, _ count: Int, _ isComplete: Bool
    ) -> Int? {
        var end = scanned
        while end < count, text[end] == 0x0A || text[end] == 0x0D { end &+= 1 }
        if end < count || isComplete { return end }
        self.progress = .punctuationLineEnds(scanned: end)
        return nil
    }

    /// The three alternatives that start with white space and hold nothing else.
    private mutating func whiteSpace(
        _ text: UnsafePointer<UInt8>, _ known: WhiteSpaceRun, _ start: Int, _ count: Int, _ isComplete: Bool
    ) -> Int? {
        var run = known
        while run.scanned < count {
            let (characterClass, length) = self.character(text, run.scanned)
            guard characterClass >= CharacterClass.space.rawValue else { break }
            run.lastCharacter = run.scanned
            run.scanned &+= length
            if characterClass == CharacterClass.lineEnd.rawValue { run.lineEnd = run.scanned }
        }
        guard run.scanned < count || isComplete else {
            self.progress = .whiteSpace(run)
            return nil
        }
        if run.lineEnd > start { return run.lineEnd }
        let isAtEnd = run.scanned == count
        return isAtEnd || run.lastCharacter == start ? run.scanned : run.lastCharacter
    }

    @inline(__always)
    private func endOfRun(
        of wanted: CharacterClass, _ text: UnsafePointer<UInt8>, _ start: Int, _ count: Int
    ) -> Int {
        var offset = start
        while offset < count {
            let (characterClass, length) = self.character(text, offset)
            if characterClass != wanted.rawValue { break }
            offset &+= length
        }
        return offset
    }
}
