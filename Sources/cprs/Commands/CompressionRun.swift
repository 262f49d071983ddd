internal import CPRSCore
internal import CPRSEngine

/// Drives one compression in this process: source -> session -> critic -> writer.
struct CompressionRun {
    private var session: Session
    private let critic: any TokenCritic
    private let source: ContextSource
    private var writer: any ResultWriter
    private var progress: ProgressBar?
    /// Bytes before this offset have been handed to the writer.
    private var written = 0

    init(
        session: Session, critic: any TokenCritic, source: ContextSource, writer: any ResultWriter, showsProgress: Bool
    ) {
        self.session = session
        self.critic = critic
        self.source = source
        self.writer = writer
        self.progress = showsProgress ? ProgressBar(totalBytes: source.totalBytes) : nil
    }

    /// Runs to the end of the source.
    mutating func execute(heading: ResultHeading, openSeconds: Double) throws(CPRSError) -> CompressionSummary {
        let started = ContinuousClock.now
        var begun = false
        while let chunk = try self.source.next() {
            try self.session.append(chunk)
            // Errors in the first chunk come before any output.
            if !begun { self.writer.begin(heading) }
            begun = true
            try self.scoreWaitingWindows()
        }
        try self.session.finishInput()
        try self.scoreWaitingWindows()
        try self.source.checkUnchanged()
        var summary = self.session.summary
        summary.elapsed = ContinuousClock.now - started
        self.progress?.clear()
        self.writer.finish(summary, openSeconds: openSeconds)
        Console.flush()
        return summary
    }

    private mutating func scoreWaitingWindows() throws(CPRSError) {
        while let window = self.session.nextWindow() {
            self.session.accept(try self.critic.score(window.input), for: window)
            try self.writeDecisions()
        }
        try self.writeDecisions()
    }

    private mutating func writeDecisions() throws(CPRSError) {
        let decisions = try self.session.takeDecisions()
        if !decisions.kept.isEmpty { self.progress?.clear() }
        for span in decisions.kept {
            try self.writeDropped(upTo: span.bytes.lowerBound)
            self.writer.kept(span, text: try self.source.bytes(span.bytes))
            self.written = span.bytes.upperBound
        }
        try self.writeDropped(upTo: decisions.finalBytes)
        self.source.release(before: decisions.finalBytes)
        self.progress?.update(bytes: self.session.scoredBytes, tokens: self.session.summary.contextTokens)
    }

    /// Hands the writer what lies between the last piece and `end`, in blocks so that memory stays constant.
    private mutating func writeDropped(upTo end: Int) throws(CPRSError) {
        while self.writer.wantsDropped, self.written < end {
            let block = self.written..<min(end, self.written + 1 << 20)
            self.writer.dropped(try self.source.bytes(block))
            self.written = block.upperBound
        }
        self.written = max(self.written, end)
    }
}
