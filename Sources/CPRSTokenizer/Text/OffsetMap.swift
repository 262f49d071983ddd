internal import CPRSCore

/// Where bytes of the normalized text come from in the original.
///
/// Only the characters that normalization changed are stored; everywhere else the offsets differ by a constant.
/// Both sides count from the start of the stream. Lookups must come in ascending order.
struct OffsetMap: Sendable {
    /// One character of the normalized text that is not simply the next character of the original.
    struct Change: Sendable {
        /// Its bytes in the normalized text.
        var normalizedStart: Int
        var normalizedEnd: Int
        /// The original character that a token holding any of its bytes is charged with.
        var source: ByteRange
        /// Where the original goes on after it.
        var resume: Int
    }

    private var changes: [Change] = []
    /// Changes before this index lie wholly before every later lookup.
    private var cursor = 0
    /// What to add to a normalized offset that lies before every remaining change.
    private var shift = 0

    @inline(__always) var isIdentity: Bool { self.shift == 0 && self.changes.isEmpty }

    mutating func append(_ change: Change) { self.changes.append(change) }

    /// Notes that normalized bytes from `normalized` on come from the original from `original` on.
    ///
    /// Needed where a piece of the original was left out altogether, such as a recognised marker.
    mutating func resume(normalized: Int, original: Int) {
        self.changes.removeAll(keepingCapacity: true)
        self.cursor = 0
        self.shift = original - normalized
    }

    /// The original bytes of the normalized range, which is not empty.
    ///
    /// Exact wherever the original has the same bytes. A bound inside a changed character, or on its edge, is the edge
    /// of the original character that it is charged with: the first one that it replaces, or, for the later parts of
    /// a character that normalization split, the last one that was replaced. What a composed character has absorbed
    /// beyond its first character (the accent of `e` + U+0301) belongs to no range: it lies between this one and the next.
    mutating func original(_ normalized: ByteRange) -> ByteRange {
        while self.cursor < self.changes.count, self.changes[self.cursor].normalizedEnd <= normalized.lowerBound {
            self.pass(self.changes[self.cursor])
        }
        self.dropPassed()
        guard self.cursor < self.changes.count else {
            return normalized.lowerBound + self.shift..<normalized.upperBound + self.shift
        }
        let first = self.changes[self.cursor]
        let start = first.normalizedStart <= normalized.lowerBound
            ? first.source.lowerBound : normalized.lowerBound + self.shift
        // The last change that starts inside the range decides the end; the cursor stays for the next lookup.
        var shift = self.shift
        var index = self.cursor
        while index < self.changes.count, self.changes[index].normalizedStart < normalized.upperBound {
            let change = self.changes[index]
            if change.normalizedEnd >= normalized.upperBound { return start..<change.source.upperBound }
            shift = change.resume - change.normalizedEnd
            index += 1
        }
        return start..<normalized.upperBound + shift
    }

    private mutating func pass(_ change: Change) {
        self.shift = change.resume - change.normalizedEnd
        self.cursor += 1
    }

    /// Frees passed changes once they are the greater part, which costs each change O(1).
    private mutating func dropPassed() {
        guard self.cursor > 64, self.cursor * 2 > self.changes.count else { return }
        self.changes.removeFirst(self.cursor)
        self.cursor = 0
    }
}
