package import CPRSCore

/// The figures of one compression.
package struct CompressionSummary: Hashable, Sendable {
    /// Bytes of the context.
    package var contextBytes = 0
    /// Tokens of the context.
    package var contextTokens = 0
    /// Bytes kept.
    package var keptBytes = 0
    /// Input tokens kept.
    package var keptTokens = 0
    /// Spans kept.
    package var keptSpans = 0
    /// Windows scored.
    package var windows = 0
    /// Tokens of instruction and query, paid in every window.
    package var promptTokens = 0
    /// The best score among what was dropped; nil if nothing was.
    package var bestDroppedScore: Float?
    /// Time in the critic, by stage.
    package var timings = StageTimings()
    /// Wall time from the first byte to the last decision.
    package var elapsed: Duration = .zero

    package init() {}

    /// Context tokens per kept token; infinite when nothing was kept.
    package var ratio: Double { Double(self.contextTokens) / Double(self.keptTokens) }
}
