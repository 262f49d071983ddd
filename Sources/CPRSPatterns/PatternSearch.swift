package import CPRSCore

/// The search for a ``PatternSet`` in one stream of UTF-8 bytes.
///
/// - Literals: every occurrence, overlapping ones too, as soon as its last byte is seen. Where several literals end at
///   the same byte only the longest is reported: the others lie inside of it, and there could be thousands per byte.
/// - Regexes: each on its own its leftmost-longest non-overlapping matches of at most ``PatternLimits/matchBytes``, as
///   soon as no longer one is possible and the scalar after it is known, at the latest in ``finish(into:)``.
///
/// Matches are appended in ascending order per regex and, for the literals, by end; in no order between them.
/// Memory: the compiled size, plus the tentative matches of each regex. Bytes that are not UTF-8 match nothing but do
/// no harm; the search does not report them.
package struct PatternSearch: Sendable {
    private var literalScan: LiteralScan?
    private var regexScans: [RegexScan]
    /// Bytes received.
    private var receivedBytes = 0
    /// The last bytes received, at most three, if their meaning hangs on the next: see `UTF8Scalar.readableCount`.
    private var heldBytes: [UInt8] = []
    /// The scalar before the held bytes.
    private var previous: UInt32?
    private var isFinished = false

    /// Starts a search at offset 0.
    package init(_ patterns: PatternSet) {
        self.literalScan = patterns.literals.map { LiteralScan($0) }
        self.regexScans = patterns.programs.map { RegexScan($0) }
    }

    /// No match that is still to come starts before this offset.
    package var settledBytes: Int {
        var settled = self.receivedBytes
        if let literalScan { settled -= literalScan.openBytes }
        if !self.regexScans.isEmpty { settled = min(settled, self.receivedBytes - self.heldBytes.count) }
        for scan in self.regexScans { settled = min(settled, scan.firstOpenStart ?? settled) }
        return settled
    }

    /// States of the regexes' automata visited so far: the search's work, at most three times scalars × states.
    package var regexSteps: Int { self.regexScans.reduce(0) { $0 + $1.status.steps } }

    /// Takes the next bytes; appends the matches that they complete, as offsets from the start of the stream.
    package mutating func append(_ bytes: [UInt8], into matches: inout [ByteRange]) {
        precondition(!self.isFinished, "append after finish")
        if !bytes.isEmpty { self.take(bytes, isLast: false, into: &matches) }
    }

    /// Takes the end of the stream; appends the last matches. Nothing may be appended afterwards.
    package mutating func finish(into matches: inout [ByteRange]) {
        precondition(!self.isFinished, "finish called twice")
        self.isFinished = true
        self.take([], isLast: true, into: &matches)
        // What was only begun cannot be completed any more.
        self.literalScan = nil
    }

    private mutating func take(_ bytes: [UInt8], isLast: Bool, into matches: inout [ByteRange]) {
        bytes.withUnsafeBufferPointer {
            self.literalScan?.scan($0, offset: self.receivedBytes, into: &matches)
        }
        let offset = self.receivedBytes - self.heldBytes.count
        self.receivedBytes += bytes.count
        guard !self.regexScans.isEmpty else { return }
        let unread = self.heldBytes.isEmpty ? bytes : self.heldBytes + bytes
        unread.withUnsafeBufferPointer { unread in
            let count = isLast ? unread.count : UTF8Scalar.readableCount(unread)
            let chunk = ScalarChunk(bytes: unread, count: count, offset: offset, previous: self.previous)
            for index in self.regexScans.indices {
                self.regexScans[index].scan(chunk, into: &matches)
                if isLast { self.regexScans[index].finish(chunk, into: &matches) }
            }
            self.previous = UTF8Scalar.value(before: count, in: unread) ?? self.previous
            self.heldBytes = Array(unread[count...])
        }
    }
}
