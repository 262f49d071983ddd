/// Sentences by rule, in any language: near Unicode's rules (UAX #29, SB) with practical additions.
///
/// 1. A sentence ends after a run of terminators and the closing quotes and brackets behind it. `。！？｡؟।` and their
///    like need nothing more; `.`, `!`, `?` and `…` need white space (or, `!` and `?`, an ideograph) after them, which
///    leaves decimals, versions, addresses and file names whole.
/// 2. No end if the text goes on with `,`, `;`, `:` or a dash; after `.` and `…`, or a closing quote, none either if it goes
///    on in lower case, unless the sentence itself began in lower case (chat, transcripts); none after an abbreviation
///    (``Abbreviations``) or a list number (`1. ` at the start of a line).
/// 3. A blank line always ends a sentence. A single line break does unless the line looks like wrapped prose
///    (``LineShape``).
/// 4. A sentence that reached ``maxBytes`` ends after the last blank in its last half, else at the next place where text
///    may be cut.
/// 5. White space after an end belongs to the sentence before; after a line break, the next line's indentation does not.
///    White space alone makes no sentence.
///
/// Known limits: no dictionary of ordinals (`am 5. Mai`); a single capital is taken for an initial (`plan B. Then`); a
/// verse of long lines is taken for wrapped prose.
struct SentenceScanner: UnitScanner {
    /// Bytes after which a sentence ends in any case (but never before a mark).
    static let maxBytes = 2048
    /// Bytes after a place that must be there before it is judged.
    static let lookAhead = 1024
    /// Bytes before a place that a rule may look at.
    static let lookBehind = 2 * maxBytes
    /// Rules stop reading this far after a place; the rest of `lookAhead` is for the scalar that they stopped at.
    private static let reach = lookAhead - 16
    /// The closing quotes and brackets that may follow a terminator.
    private static let maxClosers = 8

    private(set) var position = 0
    private var start = 0
    private var lineStart = 0

    /// A forced end may lie in the last half of an open sentence, although `position` is already beyond.
    var settled: Int { min(self.position, self.start + Self.maxBytes / 2) }

    mutating func scan(_ text: Span<UInt8>, isLast: Bool, base: Int, into ends: inout [Int]) {
        let horizon = isLast ? text.count : text.count - Self.lookAhead
        let classes = SentenceByte.classes.span
        while self.position < horizon {
            let bound = self.start + Self.maxBytes
            let stop = min(horizon, bound)
            var position = self.position
            while position < stop, classes[Int(text[position])] == SentenceByte.plain { position += 1 }
            self.position = position
            var end: Int?
            if position >= bound {
                end = self.forcedEnd(text, horizon: horizon)
            } else if position < horizon {
                end = self.judge(text, classes[Int(text[position])])
            }
            guard let end, end < text.count else { continue }
            ends.append(base + end)
            self.start = end
        }
    }

    mutating func rebase(by count: Int) {
        self.position -= count
        self.start -= count
        self.lineStart -= count
    }

    /// Judges the byte at `position`, moves behind what is thereby settled, and returns an end if there is one.
    private mutating func judge(_ text: Span<UInt8>, _ byteClass: UInt8) -> Int? {
        let (value, length) = text.scalar(at: self.position)
        if byteClass == SentenceByte.lineBreak || Gap.isUnicodeBreak(value) { return self.judgeBreak(text) }
        guard Terminator(value) != nil else {
            self.position += length
            return nil
        }
        return self.judgeTerminator(text)
    }

    /// The end of a sentence that reached ``maxBytes``; nil if no place to cut is in sight yet.
    private mutating func forcedEnd(_ text: Span<UInt8>, horizon: Int) -> Int? {
        var candidate = self.start + Self.maxBytes
        let lowest = max(candidate - Self.maxBytes / 2, 0)
        while candidate > lowest {
            if Gap.isBlankOrBreak(text[candidate - 1]), text.isCuttable(at: candidate) { return candidate }
            candidate -= 1
        }
        while self.position < horizon {
            if text.isCuttable(at: self.position) { return self.position }
            self.position += 1
        }
        return nil
    }
}

// MARK: - Terminators

extension SentenceScanner {
    private mutating func judgeTerminator(_ text: Span<UInt8>) -> Int? {
        let first = self.position
        let limit = min(first + Self.reach, text.count)
        let run = TerminatorRun(text, at: first, limit: limit, maxClosers: Self.maxClosers)
        self.position = run.end
        let gap = Gap(text, at: run.closersEnd, limit: limit)
        guard gap.isEndOfText || gap.end > run.closersEnd || run.endsWithoutGap(before: text.scalar(at: gap.next).value)
        else { return nil }
        guard self.isEnd(text, run, gap, first: first), text.isCuttable(at: gap.end) else { return nil }
        self.position = max(self.position, gap.end)
        if gap.breaks > 0 { self.lineStart = gap.end }
        return gap.end
    }

    private func isEnd(_ text: Span<UInt8>, _ run: TerminatorRun, _ gap: Gap, first: Int) -> Bool {
        if gap.isEndOfText || gap.breaks > 1 { return true }
        let next = text.scalar(at: gap.next).value
        if gap.breaks == 0, Terminator.continues(next) { return false }
        if run.isFull { return true }
        if ScalarClass.isLowercase(next) {
            let closed = run.closersEnd > run.end
            if closed { return false }
            if run.isMark { return true }
            if !self.beganInLowercase(text) { return false }
        }
        return
            !(run.isSingleDot && Abbreviations.precede(text, dot: first, start: self.start, next: gap.next)
            || run.isSingleDot && self.isListNumber(text, dot: first))
    }

    /// Whether the open sentence's first letter is a lower-case one; false where that is too far back to see.
    private func beganInLowercase(_ text: Span<UInt8>) -> Bool {
        guard self.position - self.start <= Self.maxBytes else { return false }
        var index = self.start
        while index < min(self.start + 32, self.position) {
            let (value, length) = text.scalar(at: index)
            if ScalarClass.isLowercase(value) { return true }
            if value >= 0x80 || ScalarClass.isUppercase(value) || ScalarClass.isDigit(text[index]) { return false }
            index += length
        }
        return false
    }

    /// Up to three digits between the start of the line or sentence and the dot.
    private func isListNumber(_ text: Span<UInt8>, dot: Int) -> Bool {
        var index = dot
        while index > 0, dot - index < 4, ScalarClass.isDigit(text[index - 1]) { index -= 1 }
        guard index < dot, dot - index < 4 else { return false }
        var blanks = 0
        while index > max(self.lineStart, self.start), blanks < 64, Gap.isBlank(text[index - 1]) {
            index -= 1
            blanks += 1
        }
        return index <= max(self.lineStart, self.start)
    }
}

// MARK: - Line breaks

extension SentenceScanner {
    private mutating func judgeBreak(_ text: Span<UInt8>) -> Int? {
        let place = self.position
        let gap = Gap(text, at: place, limit: min(place + Self.reach, text.count))
        let line = max(self.lineStart, place - LineShape.maxBytes - 1)
        let contentEnd = self.contentEnd(text, before: place)
        self.position = gap.end
        self.lineStart = gap.end
        guard contentEnd > self.start, text.isCuttable(at: gap.end) else { return nil }
        if gap.isEndOfText || gap.breaks > 1 { return gap.end }
        let shape = LineShape(text, line: line, contentEnd: max(line, contentEnd))
        return shape.wraps(into: text, next: gap.end, limit: min(place + Self.reach, text.count)) ? nil : gap.end
    }

    /// Just after the last byte before `place` that is not white space; at or before `start` if there is none.
    private func contentEnd(_ text: Span<UInt8>, before place: Int) -> Int {
        var index = place
        let lowest = max(self.start, place - Self.maxBytes, 0)
        while index > lowest, Gap.isBlankOrBreak(text[index - 1]) { index -= 1 }
        return index
    }
}

/// Which bytes the sentence scanner stops at.
private enum SentenceByte {
    static let plain: UInt8 = 0
    static let terminator: UInt8 = 1
    static let lineBreak: UInt8 = 2
    /// First byte of scalars among which there are terminators or line breaks.
    static let lead: UInt8 = 3

    static let classes: [UInt8] = {
        var classes = [UInt8](repeating: plain, count: 256)
        for byte in ".!?".utf8 { classes[Int(byte)] = terminator }
        for byte in "\n\r".utf8 { classes[Int(byte)] = lineBreak }
        for byte in [0xC2, 0xD6, 0xD8, 0xDB, 0xE0, 0xE1, 0xE2, 0xE3, 0xEF] { classes[byte] = lead }
        return classes
    }()
}
