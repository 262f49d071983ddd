internal import CPRSCore
internal import CPRSEngine
internal import CPRSWire
internal import SwiftProtobuf

/// One request without its concurrency: bytes and scores go in, windows and messages come out.
struct RequestEngine: Sendable {
    private var session: Session
    /// The same request by threshold alone, for provisional decisions; sees the same windows.
    private var preview: Session?
    private var trace: TokenTrace?
    private var messages: DecisionMessages
    private(set) var inputHasEnded = false
    private var outstanding = 0
    /// Set when the deadline passed: nothing is scored any more.
    private(set) var isAbandoned = false
    private var unscoredBytes = 0
    var timings = RequestTimings()

    /// - Throws: `invalidArgument`, where the engine says so.
    init(_ plan: RequestPlan, source: RequestSource, maxHeldBytes: Int) throws(ServiceError) {
        do {
            self.session = try source.session(for: plan.request)
            if plan.includesProvisional {
                var request = plan.request
                request.budget = nil
                self.preview = try source.session(for: request)
            }
        } catch {
            throw ServiceError(error)
        }
        if plan.includesTokenScores {
            self.trace = TokenTrace(
                tokenizer: source.tokenizer, tags: plan.request.tags, outsideTag: CompressionRequest.outsideTag)
        }
        self.messages = DecisionMessages(includesText: plan.includesText, maxHeldBytes: maxHeldBytes)
    }

    /// Tokens of instruction and query.
    var promptTokens: Int { self.session.summary.promptTokens }
    /// Bytes that the engine takes in one step: fewer where regexes make each of them costly.
    var stepBytes: Int {
        // Some fifty milliseconds on the machine of README.md, and at most three steps per state and byte.
        let steps = 1 << 25
        return min(WireLimits.chunkBytes, max(256, steps / max(1, 3 * self.session.patternStates)))
    }
    /// Bytes taken so far.
    var inputBytes: Int { self.messages.text.count }

    /// Whether everything is decided.
    var isFinished: Bool { self.inputHasEnded && (self.isAbandoned || self.outstanding == 0) }

    mutating func append(_ chunk: InputChunk) throws(ServiceError) {
        try self.messages.append(chunk)
        guard !self.isAbandoned else { return }
        try self.engineStep { (engine: inout Self) throws(CPRSError) in
            try engine.session.append(chunk.bytes)
            try engine.preview?.append(chunk.bytes)
            try engine.trace?.append(chunk.bytes)
        }
    }

    mutating func finishInput() throws(ServiceError) {
        self.inputHasEnded = true
        // An empty context is refused by the engine, whatever the deadline.
        guard !self.isAbandoned || self.inputBytes == 0 else { return }
        try self.engineStep { (engine: inout Self) throws(CPRSError) in
            try engine.session.finishInput()
            try engine.preview?.finishInput()
            try engine.trace?.finishInput()
        }
    }

    /// The next window to be scored, if there is one.
    mutating func nextWindow() -> SessionWindow? {
        guard !self.isAbandoned, let window = self.session.nextWindow() else { return nil }
        _ = self.preview?.nextWindow()
        if self.outstanding == 0 { self.timings.scoringBegan() }
        self.outstanding += 1
        return window
    }

    /// Takes a window's scores.
    mutating func accept(_ output: CriticOutput, for window: SessionWindow) {
        guard !self.isAbandoned else { return }
        self.outstanding -= 1
        if self.outstanding == 0 { self.timings.scoringPaused() }
        let started = ContinuousClock.now
        self.session.accept(output, for: window)
        self.preview?.accept(output, for: window)
        self.trace?.accept(output, window: window.index, tokens: window.input.context.count)
        self.timings.engineRan(for: ContinuousClock.now - started)
    }

    /// Gives up scoring; everything that is not decided yet is kept.
    mutating func abandon() { self.isAbandoned = true }

    /// What became final, or worth a preview, since the last call.
    mutating func takeMessages() throws(ServiceError) -> [Cprs_V1_Decisions] {
        if self.isAbandoned {
            let before = self.messages.finalBytes
            let message = self.messages.keepUndecided()
            self.unscoredBytes += self.messages.finalBytes - before
            return message?.split() ?? []
        }
        var (decisions, spans) = (Decisions(), [KeptSpan]())
        try self.engineStep { (engine: inout Self) throws(CPRSError) in
            decisions = try engine.session.takeDecisions()
            spans = try engine.preview?.takeDecisions().kept ?? []
        }
        var result = self.messages.preview(spans)?.split() ?? []
        var message = self.messages.message(decisions)
        if let scores = self.trace?.take() {
            message = message ?? .with { $0.finalBytes = UInt64(self.messages.finalBytes) }
            message?.tokenScores = scores
        }
        result += message?.split() ?? []
        return result
    }

    /// The last message.
    func summary() -> Cprs_V1_Summary {
        let figures = self.session.summary
        var summary = Cprs_V1_Summary()
        summary.inputBytes = UInt64(self.inputBytes)
        summary.inputTokens = UInt64(figures.contextTokens)
        summary.keptBytes = UInt64(figures.keptBytes + self.unscoredBytes)
        summary.keptTokens = UInt64(figures.keptTokens)
        summary.keptSpans = UInt64(figures.keptSpans + (self.unscoredBytes > 0 ? 1 : 0))
        summary.windows = UInt64(figures.windows - self.outstanding)
        summary.unscoredBytes = UInt64(self.unscoredBytes)
        if let score = figures.bestDroppedScore { summary.bestDroppedScore = score }
        summary.timings = self.timings.wire(figures.timings, total: self.timings.elapsed)
        summary.inputSha256 = .init(wire: self.messages.text.inputDigest)
        summary.keptSha256 = .init(wire: self.messages.text.keptDigest ?? [])
        return summary
    }

    /// Runs a step whose time counts as the engine's, and translates its error.
    private mutating func engineStep(_ step: (inout Self) throws(CPRSError) -> Void) throws(ServiceError) {
        let started = ContinuousClock.now
        defer { self.timings.engineRan(for: ContinuousClock.now - started) }
        do { try step(&self) } catch { throw ServiceError(error) }
    }
}
