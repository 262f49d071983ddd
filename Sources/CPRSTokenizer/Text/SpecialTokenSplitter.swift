internal import CPRSCore

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// Finds added tokens in the text as it was given: the leftmost first, and the longest of those that start there.
///
/// Text that may be the beginning of one stays back until it is known.
struct SpecialTokenSplitter: Sendable {
    /// What the text consists of, in order.
    enum Part {
        case text(UnsafeBufferPointer<UInt8>)
        case special(TokenID, length: Int)
    }

    private enum Match { case none, token(VocabularyFile.AddedToken), needsMore }

    /// The longest first, so that the first that matches is the longest.
    private let tokens: [VocabularyFile.AddedToken]
    /// Whether any token starts with a byte.
    private let isFirst: [Bool]
    /// The byte that all of them start with, if it is one.
    private let onlyFirst: UInt8?
    private var held: [UInt8] = []

    init(_ tokens: [VocabularyFile.AddedToken]) {
        self.tokens = tokens.sorted { $0.text.count > $1.text.count }
        var isFirst = [Bool](repeating: false, count: 256)
        for token in tokens { isFirst[Int(token.text[0])] = true }
        self.isFirst = isFirst
        self.onlyFirst = Set(tokens.map { $0.text[0] }).count == 1 ? tokens[0].text[0] : nil
    }

    /// Takes the next bytes and hands on what is certain.
    mutating func append(
        _ bytes: UnsafeBufferPointer<UInt8>, next: (Part) throws(CPRSError) -> Void
    ) throws(CPRSError) {
        if self.held.isEmpty {
            let left = try self.split(bytes, isComplete: false, next)
            self.held.append(contentsOf: bytes[left...])
            return
        }
        self.held.append(contentsOf: bytes)
        try self.splitHeld(isComplete: false, next)
    }

    /// The text ends here: what stayed back is decided.
    mutating func finish(next: (Part) throws(CPRSError) -> Void) throws(CPRSError) {
        try self.splitHeld(isComplete: true, next)
    }

    private mutating func splitHeld(
        isComplete: Bool, _ next: (Part) throws(CPRSError) -> Void
    ) throws(CPRSError) {
        let held = self.held
        let left = try withBytes(of: held) { (buffer) throws(CPRSError) in
            try self.split(buffer, isComplete: isComplete, next)
        }
        self.held.removeFirst(left)
    }

    /// Hands on the parts of `text` and returns where what must stay back starts.
    private func split(
        _ text: UnsafeBufferPointer<UInt8>, isComplete: Bool, _ next: (Part) throws(CPRSError) -> Void
    ) throws(CPRSError) -> Int {
        var start = 0
        var offset = 0
        while true {
            offset = self.firstCandidate(text, from: offset)
            guard offset < text.count else { break }
            switch self.match(text, offset, isComplete) {
            case .none: offset &+= 1
            case .token(let token):
                try Self.pass(text, start..<offset, next)
                try next(.special(token.id, length: token.text.count))
                offset += token.text.count
                start = offset
            case .needsMore:
                try Self.pass(text, start..<offset, next)
                return offset
            }
        }
        try Self.pass(text, start..<text.count, next)
        return text.count
    }

    /// Where the next byte is that some token starts with, or the end.
    private func firstCandidate(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        guard let base = text.baseAddress, start < text.count else { return text.count }
        // Markers nearly always share their first byte.
        if let byte = self.onlyFirst {
            let found = memchr(base + start, Int32(byte), text.count - start)
            return found.map { UnsafeRawPointer($0) - UnsafeRawPointer(base) } ?? text.count
        }
        var offset = start
        while offset < text.count, !self.isFirst[Int(text[offset])] { offset &+= 1 }
        return offset
    }

    private static func pass(
        _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ next: (Part) throws(CPRSError) -> Void
    ) throws(CPRSError) {
        if !range.isEmpty { try next(.text(UnsafeBufferPointer(rebasing: text[range]))) }
    }

    private func match(_ text: UnsafeBufferPointer<UInt8>, _ offset: Int, _ isComplete: Bool) -> Match {
        for token in self.tokens {
            let common = min(token.text.count, text.count - offset)
            guard text[offset..<offset + common].elementsEqual(token.text[..<common]) else { continue }
            if common == token.text.count { return .token(token) }
            // A longer token may still come; it would win over the shorter ones further down.
            if !isComplete { return .needsMore }
        }
        return .none
    }
}
