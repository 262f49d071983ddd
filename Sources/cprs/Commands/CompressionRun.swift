internal import CPRSCore
internal import CPRSEngine

/// Drives one compression in this process: source -> session -> critic -> output.
struct CompressionRun {
    private var session: Session
    private let critic: any TokenCritic
    private let source: ContextSource
    private let output: ResultOutput
    private let progress: ProgressBar?

    init(
        session: Session, critic: any TokenCritic, source: ContextSource, output: ResultOutput, progress: ProgressBar?
    ) {
        self.session = session
        self.critic = critic
        self.source = source
        self.output = output
        self.progress = progress
    }

    /// Runs to the end of the source.
    mutating func execute() throws(CPRSError) -> CompressionSummary {
        let started = ContinuousClock.now
        while let chunk = try self.source.next() {
            try self.session.append(chunk)
            try self.scoreWaitingWindows()
        }
        try self.session.finishInput()
        try self.scoreWaitingWindows()
        try self.source.checkUnchanged()
        var summary = self.session.summary
        summary.elapsed = ContinuousClock.now - started
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
        try self.output.take(decisions.kept, finalBytes: decisions.finalBytes)
        self.progress?.update(bytes: self.session.scoredBytes, tokens: self.session.summary.contextTokens)
    }
}
