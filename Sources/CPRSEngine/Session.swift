package import CPRSCore
internal import CPRSPatterns
package import CPRSSegmentation
package import CPRSTokenizer

/// One compression: bytes go in, windows come out, scores go in, decisions come out.
///
/// A pure value: no I/O, no threads. Any chunking of the same bytes gives the same windows and the same decisions. It
/// holds the tokens that are not scored yet and nothing of what is decided, so a caller that scores the waiting windows
/// before it appends the next chunk uses constant memory; a budget adds some twenty bytes for every unit, one or two
/// hundred where words are matched.
package struct Session: Sendable {
    private let prompt: Prompt
    private var tokens: StreamingTokenizer
    private var sentences = UnitSplitter(.sentence)
    private var windower: Windower
    private var rule: any DecisionRule
    /// Windows that were handed out, oldest first; their scores may come back in any order.
    private var outstanding: [Outstanding] = []
    private var inputEnded = false
    private var scoredTokens = 0

    /// The figures so far.
    package private(set) var summary = CompressionSummary()
    /// Every token that ends before this offset has been scored.
    package private(set) var scoredBytes = 0
    /// States of the request's regexes; each byte of the context may cost three steps for each of them.
    package let patternStates: Int

    /// Checks the request against a tokenizer and a critic.
    ///
    /// - Parameter lexicon: what the model brings for word matching, if it does.
    /// - Throws: `invalidArgument` naming the field, the allowed range and the value; for a query that leaves no room,
    ///   how much room there is.
    package init(
        _ request: CompressionRequest, tokenizer: Tokenizer, limits: CriticLimits, lexicon: Lexicon? = nil
    ) throws(CPRSError) {
        try request.validate()
        let prompt = try Prompt(request, tokenizer: tokenizer)
        let room = try prompt.room(request.windowTokens, limits: limits)
        let patterns = try PatternSet(literals: request.keepLiterals, regexes: request.keepRegexes)
        self.prompt = prompt
        self.patternStates = patterns.regexStates
        self.tokens = StreamingTokenizer(tokenizer, specialTokens: .text)
        self.windower = Windower(roomTokens: room, startOfToken: tokenizer.start(of:))
        switch request.decoding {
        case .default:
            let words = try WordEvidence(request, tokenizer: tokenizer, lexicon: lexicon)
            self.rule = ScoreRule(request, patterns: patterns, defaultThreshold: limits.threshold, words: words)
        case .reference: self.rule = ReferenceRule(request)
        }
        self.summary.promptTokens = prompt.tokens.count
    }

    /// Takes the next bytes of the context.
    ///
    /// - Throws: `invalidText` with the offset of the first byte that is not UTF-8; the session is of no use afterwards.
    package mutating func append(_ bytes: [UInt8]) throws(CPRSError) {
        precondition(!self.inputEnded, "append after finishInput")
        var tokens: [Token] = []
        try self.tokens.append(bytes, into: &tokens)
        var ends = UnitEnds()
        self.sentences.append(bytes, into: &ends.offsets)
        ends.settledBytes = self.sentences.settledBytes
        self.summary.contextBytes += bytes.count
        self.pack(tokens, ends)
        self.rule.append(text: bytes, tokens: tokens, sentences: ends)
    }

    /// Says that the context is complete.
    ///
    /// - Throws: `invalidText` if it ends inside a character or is empty.
    package mutating func finishInput() throws(CPRSError) {
        precondition(!self.inputEnded, "finishInput called twice")
        self.inputEnded = true
        var tokens: [Token] = []
        try self.tokens.finish(into: &tokens)
        guard self.summary.contextBytes > 0 else {
            throw CPRSError(code: .invalidText, message: "the context is empty (0 bytes): there is nothing to compress")
        }
        var ends = UnitEnds()
        self.sentences.finish(into: &ends.offsets)
        ends.settledBytes = self.summary.contextBytes
        self.pack(tokens, ends)
        self.windower.finish()
        let total = ContextSize(bytes: self.summary.contextBytes, tokens: self.summary.contextTokens)
        self.rule.finish(tokens: tokens, sentences: ends, total: total)
    }

    /// Hands what became certain to the windower.
    private mutating func pack(_ tokens: [Token], _ sentences: UnitEnds) {
        self.summary.contextTokens += tokens.count
        self.windower.append(tokens: tokens)
        self.windower.append(sentenceEnds: sentences.offsets, settledBytes: sentences.settledBytes)
    }

    /// The next window that can be scored, or nil until more bytes arrive.
    package mutating func nextWindow() -> SessionWindow? {
        guard let tokens = self.windower.next() else { return nil }
        let window = SessionWindow(
            index: self.summary.windows,
            input: CriticWindow(prompt: self.prompt.tokens, context: tokens.map(\.id), tags: self.prompt.tags))
        self.summary.windows += 1
        self.outstanding.append(Outstanding(index: window.index, tokens: tokens))
        return window
    }

    /// Takes a window's scores; windows may be scored in any order.
    package mutating func accept(_ output: CriticOutput, for window: SessionWindow) {
        guard let slot = self.outstanding.firstIndex(where: { $0.index == window.index }) else {
            preconditionFailure("window \(window.index) is not outstanding")
        }
        self.outstanding[slot].output = output
        self.summary.timings += output.timings
        while let first = self.outstanding.first, let output = first.output {
            self.outstanding.removeFirst()
            self.scoredTokens += first.tokens.count
            self.rule.accept(
                output.scored(first.tokens, tagCount: self.prompt.tags.count, outsideTag: self.prompt.outsideTag))
            if let last = first.tokens.last { self.scoredBytes = last.bytes.upperBound }
        }
    }

    /// Hands out what became final since the last call.
    ///
    /// - Throws: `budgetTooSmall` if what must be kept is larger than the budget.
    package mutating func takeDecisions() throws(CPRSError) -> Decisions {
        let allScored = self.inputEnded && self.scoredTokens == self.summary.contextTokens
        let decisions = try self.rule.takeDecisions(allScored: allScored)
        for span in decisions.kept {
            self.summary.keptSpans += 1
            self.summary.keptBytes += span.bytes.count
            self.summary.keptTokens += span.tokens
        }
        self.summary.bestDroppedScore = self.rule.bestDroppedScore
        return decisions
    }

    private struct Outstanding: Sendable {
        var index: Int
        var tokens: [Token]
        var output: CriticOutput?
    }
}

/// One window of a session, to be scored.
package struct SessionWindow: Hashable, Sendable {
    /// Position among the session's windows.
    package let index: Int
    /// What the critic needs.
    package let input: CriticWindow
}

extension Tokenizer {
    /// What a token's bytes begin or continue; a word starts at a blank or a line end.
    fileprivate func start(of id: TokenID) -> Windower.TokenStart {
        switch self.bytes(of: id)?.first {
        case 0x20, 0x0A, 0x0D, 0x09: .word
        case .some(0x80..<0xC0): .insideCharacter
        default: .insideWord
        }
    }
}
