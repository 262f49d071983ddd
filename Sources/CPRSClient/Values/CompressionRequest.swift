internal import CPRSWire

/// What to keep of a context.
public struct CompressionRequest: Hashable, Sendable {
    /// What the model is told.
    public enum Instruction: Hashable, Sendable {
        /// A ready one: `fact`, `needle`, `chain`, `pair`, `keyword` or `paragraph`.
        case preset(String)
        /// One of your own, in full.
        case text(String)
    }

    /// What happens when the deadline passes.
    public enum DeadlinePolicy: Hashable, Sendable {
        /// The call fails with `deadlineExceeded`.
        case fail
        /// What is not decided yet is kept and flagged `isUnscored`; not with a budget.
        case partial
    }

    /// What the model is told.
    public var instruction: Instruction
    /// The question. May be empty where the instruction needs none.
    public var query: String
    /// Category words; empty for the preset's, or those in the instruction's tagging rules.
    public var tags: [String] = []
    /// Tokens in a window, prompt included; nil for what the model was trained with.
    public var windowTokens: Int?
    /// What stays, given the scores.
    public var selection = Selection()
    /// Time to the last decision, in whole milliseconds; nil for as long as it takes.
    public var deadline: Duration?
    /// What happens when it passes.
    public var deadlinePolicy: DeadlinePolicy = .fail
    /// Nobody waits: serve others first.
    public var isBatch = false
    /// Your name for the request, for the daemon's log; at most 128 bytes.
    public var clientRequestID = ""
    /// Kept spans carry their text.
    public var includesText = false
    /// Decisions carry the score of every token.
    public var includesTokenScores = false
    /// With a budget, preview decisions come while the scores do.
    public var includesProvisional = false
    /// The daemon holds text and scores for a while, so that ``CPRSClient/recut(_:selection:includesText:)`` works.
    public var retainsScores = false

    /// A request with a ready instruction.
    public init(preset: String = "fact", query: String) {
        self.instruction = .preset(preset)
        self.query = query
    }

    /// A request with an instruction of your own.
    public init(instruction: String, query: String) {
        self.instruction = .text(instruction)
        self.query = query
    }
}

extension CompressionRequest {
    /// As it travels.
    var wire: Cprs_V1_Begin {
        var begin = Cprs_V1_Begin()
        switch self.instruction {
        case .preset(let name): begin.preset = name
        case .text(let text): begin.instruction = text
        }
        begin.query = self.query
        begin.tags = self.tags
        begin.windowTokens = UInt32(clamping: self.windowTokens ?? 0)
        begin.selection = self.selection.wire
        begin.deadlineMs = self.deadline.map { UInt32(clamping: max(1, $0.wholeMilliseconds)) } ?? 0
        begin.deadlinePolicy = self.deadlinePolicy == .partial ? .partial : .fail
        begin.requestClass = self.isBatch ? .batch : .interactive
        begin.clientRequestID = self.clientRequestID
        begin.includeText = self.includesText
        begin.includeTokenScores = self.includesTokenScores
        begin.includeProvisional = self.includesProvisional
        begin.retainScores = self.retainsScores
        return begin
    }
}

extension Duration {
    fileprivate var wholeMilliseconds: Int64 {
        self.components.seconds * 1000 + self.components.attoseconds / 1_000_000_000_000_000
    }
}
