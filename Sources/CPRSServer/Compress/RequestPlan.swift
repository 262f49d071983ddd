internal import CPRSCore
internal import CPRSEngine
internal import CPRSSegmentation
internal import CPRSWire

/// A `Begin` in the engine's terms, checked against a model.
struct RequestPlan: Sendable {
    var request: CompressionRequest
    var requestClass: ClientIdentity.RequestClass
    var clientRequestID: String
    var deadline: Duration?
    /// What is not scored by the deadline is kept.
    var isPartial: Bool
    var includesText: Bool
    var includesTokenScores: Bool
    var includesProvisional: Bool
    var retainsScores: Bool

    /// - Throws: `invalidArgument` naming the field.
    init(_ begin: Cprs_V1_Begin, model: ServedModel) throws(ServiceError) {
        try begin.validate()
        var request: CompressionRequest
        switch begin.task {
        case .instruction(let instruction):
            // Everything else as for `fact`: sentences, and the question's words count.
            request = CompressionRequest(preset: .fact, query: begin.query)
            request.instruction = instruction
            request.tags = Preset.tags(in: instruction)
        case .preset, nil:
            request = CompressionRequest(preset: try Self.preset(begin, of: model), query: begin.query)
        }
        if !begin.tags.isEmpty { request.tags = begin.tags }
        request.windowTokens = begin.windowTokens == 0 ? nil : Int(begin.windowTokens)
        request.apply(begin.selection)
        self.request = request
        self.requestClass = begin.requestClass == .batch ? .batch : .interactive
        self.clientRequestID = begin.clientRequestID
        self.deadline = begin.deadlineMs == 0 ? nil : .milliseconds(Int(begin.deadlineMs))
        self.isPartial = begin.deadlinePolicy == .partial
        self.includesText = begin.includeText
        self.includesTokenScores = begin.includeTokenScores
        self.includesProvisional = begin.includeProvisional && request.budget != nil
        self.retainsScores = begin.retainScores
    }

    /// A new selection from the scores of an old request.
    init(_ recut: Cprs_V1_RecutRequest, of request: CompressionRequest) throws(ServiceError) {
        try recut.selection.validate()
        var request = request
        request.apply(recut.selection)
        self.request = request
        self.requestClass = .interactive
        self.clientRequestID = ""
        self.deadline = nil
        self.isPartial = false
        self.includesText = recut.includeText
        self.includesTokenScores = recut.includeTokenScores
        self.includesProvisional = false
        self.retainsScores = false
    }

    private static func preset(_ begin: Cprs_V1_Begin, of model: ServedModel) throws(ServiceError) -> Preset {
        let name = begin.preset.isEmpty ? Preset.fact.name : begin.preset
        guard let preset = model.presets.first(where: { $0.name == name }) else {
            let names = model.presets.map(\.name).joined(separator: ", ")
            throw .invalid("preset", "must be one of \(names) (got '\(name)')")
        }
        if preset.needsQuery, begin.query.isEmpty {
            throw .invalid("query", "must not be empty: the preset '\(name)' needs a question")
        }
        return preset
    }
}

extension CompressionRequest {
    /// Replaces what says which scores stay. An unset granularity or word matching stays
    /// as the preset, or the request that is cut again, has it.
    fileprivate mutating func apply(_ selection: Cprs_V1_Selection) {
        if let granularity = Granularity(selection.granularity) { self.granularity = granularity }
        self.threshold = selection.hasThreshold ? selection.threshold : nil
        self.minSpanTokens = selection.hasMinSpanTokens ? Int(selection.minSpanTokens) : nil
        self.wholeSentences = selection.wholeSentences
        self.decoding = selection.decoding == .reference ? .reference : .default
        self.keepLiterals = selection.keepLiterals
        self.keepRegexes = selection.keepRegexes
        if selection.hasMatchWords { self.matchesWords = selection.matchWords }
        switch selection.budget {
        case .maxTokens(let tokens): self.budget = .maxTokens(Int(clamping: tokens))
        case .ratio(let ratio): self.budget = .ratio(ratio)
        case nil: self.budget = nil
        }
    }
}

extension Granularity {
    /// nil for an unset one; unknown values were refused before.
    fileprivate init?(_ granularity: Cprs_V1_Granularity) {
        switch granularity {
        case .token: self = .token
        case .word: self = .word
        case .sentence: self = .sentence
        case .line: self = .line
        case .paragraph: self = .paragraph
        case .record: self = .record
        case .unspecified, .UNRECOGNIZED: return nil
        }
    }

    /// As it travels.
    var wire: Cprs_V1_Granularity {
        switch self {
        case .token: .token
        case .word: .word
        case .sentence: .sentence
        case .line: .line
        case .paragraph: .paragraph
        case .record: .record
        }
    }
}
