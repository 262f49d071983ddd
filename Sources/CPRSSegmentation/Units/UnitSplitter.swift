/// Finds the ends of one kind of unit in a sliding stretch of text. Offsets count from the stretch's first byte.
///
/// A scanner decides about a place only when the bytes it may look at are there, so chunking cannot change a decision.
protocol UnitScanner: Sendable {
    /// Everything before is decided.
    var position: Int { get }
    /// Every end at or before this offset has been given out.
    var settled: Int { get }
    /// Appends the ends that are certain, as `base` + offset; `isLast` says that no text follows.
    mutating func scan(_ text: Span<UInt8>, isLast: Bool, base: Int, into ends: inout [Int])
    /// Says that the stretch's first `count` bytes were dropped.
    mutating func rebase(by count: Int)
}

/// Cuts text into units: bytes in, ends of units out, in any chunking.
///
/// Units tile the input: unit `k` is `ends[k - 1]..<ends[k]`. Each end is a scalar boundary, never between CR and LF and
/// never before a combining mark; white space after a unit belongs to that unit, so that any selection of units reads
/// well when it is joined. Every decision looks at a bounded number of bytes around it (``SentenceScanner/lookAhead``
/// after, ``SentenceScanner/lookBehind`` before), so memory does not grow with the input.
///
/// - Complexity: O(bytes), O(1) memory.
/// - Note: The bytes must be valid UTF-8. Other bytes do not trap, and give some tiling.
package struct UnitSplitter: Sendable {
    /// Large inputs are copied in slices of this many bytes, so that memory stays bounded whatever the caller's chunks.
    private static let sliceBytes = 1 << 15

    private var scanner: any UnitScanner
    /// A stretch of the input: what is undecided and some bytes before it.
    private var text: [UInt8] = []
    /// Input offset of `text`'s first byte.
    private var base = 0
    private var lastEnd = 0
    private var isFinished = false

    /// A splitter at the start of a text.
    ///
    /// - Parameter granularity: any but `token`, whose units are the tokenizer's.
    package init(_ granularity: Granularity) {
        precondition(granularity != .token, "token units come from the tokenizer, not from text")
        self.scanner =
            switch granularity {
            case .word: WordScanner()
            case .sentence, .token: SentenceScanner()
            case .line: LineScanner()
            case .paragraph: ParagraphScanner()
            case .record: RecordScanner()
            }
    }

    /// Takes the next bytes and appends the ends that became certain to `ends`.
    package mutating func append(_ bytes: [UInt8], into ends: inout [Int]) {
        precondition(!self.isFinished, "append after finish")
        var start = 0
        while start < bytes.count {
            let end = min(start + Self.sliceBytes, bytes.count)
            self.text.append(contentsOf: bytes[start..<end])
            start = end
            self.scan(isLast: false, into: &ends)
            self.forget()
        }
    }

    /// Says that the text is complete; the last end, if any, is the text's length.
    package mutating func finish(into ends: inout [Int]) {
        guard !self.isFinished else { return }
        self.scan(isLast: true, into: &ends)
        self.isFinished = true
        let total = self.base + self.text.count
        if total > self.lastEnd { ends.append(total) }
        self.lastEnd = total
        self.text = []
    }

    /// Every end at or before this offset has been given out.
    package var settledBytes: Int {
        self.isFinished ? self.lastEnd : self.base + self.scanner.settled
    }

    private mutating func scan(isLast: Bool, into ends: inout [Int]) {
        let known = ends.count
        var scanner = self.scanner
        scanner.scan(self.text.span, isLast: isLast, base: self.base, into: &ends)
        self.scanner = scanner
        if ends.count > known { self.lastEnd = ends[ends.count - 1] }
    }

    /// Drops bytes that no rule looks back at; rarely, so that one-byte chunks do not shift the buffer each time.
    private mutating func forget() {
        let surplus = min(self.scanner.position, self.text.count) - SentenceScanner.lookBehind
        guard surplus >= Self.sliceBytes / 2 else { return }
        self.text.removeFirst(surplus)
        self.base += surplus
        self.scanner.rebase(by: surplus)
    }
}
