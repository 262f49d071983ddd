internal import CPRSCore

/// What became final since the last time the caller asked.
package struct Decisions: Hashable, Sendable {
    /// Pieces that stay, in document order.
    package var kept: [KeptSpan] = []
    /// Every byte before this offset is decided: it lies in a kept span that was handed out, or it is dropped.
    package var finalBytes = 0

    package init() {}
}

/// Turns scored tokens into decisions; one value per request.
///
/// Text arrives first, then, window by window and in order, the scores of its tokens.
protocol DecisionRule: Sendable {
    /// Takes the next bytes of the context, the tokens and the ends of sentences that became certain with them.
    mutating func append(text: [UInt8], tokens: [Token], sentences: UnitEnds)
    /// Takes what became certain with the end of the context.
    mutating func finish(tokens: [Token], sentences: UnitEnds, total: ContextSize)
    /// Takes the scores of the next window.
    mutating func accept(_ tokens: [ScoredToken])
    /// Hands out what became final.
    ///
    /// - Parameter allScored: the context is complete, and every token's score was taken.
    /// - Throws: `budgetTooSmall` if what must be kept is larger than the budget.
    mutating func takeDecisions(allScored: Bool) throws(CPRSError) -> Decisions
    /// The best score among what was dropped so far.
    var bestDroppedScore: Float? { get }
}

/// The size of a whole context.
struct ContextSize: Hashable, Sendable {
    var bytes = 0
    var tokens = 0
}

/// Where units end, as far as that is certain.
struct UnitEnds: Sendable {
    /// New ends, ascending.
    var offsets: [Int] = []
    /// Every end at or before this offset has been given.
    var settledBytes = 0
}
