internal import CPRSCore
internal import CPRSTokenizer

/// What a request's windows have in common, as token ids.
struct Prompt: Sendable {
    /// Fewest context tokens that a window must have room for; below it, windows see too little to judge.
    static let minContextTokens = 16

    /// Instruction, query and markers.
    let tokens: [TokenID]
    /// First token of each tag word, in the request's order.
    let tags: [TokenID]
    /// Index of the tag that stands for dropped tokens.
    let outsideTag: Int?

    /// Tokenizes what a request says.
    ///
    /// - Throws: `invalidArgument` if two tag words start with the same token: the LM head could not tell them apart.
    init(_ request: CompressionRequest, tokenizer: Tokenizer) throws(CPRSError) {
        let template = try PromptTemplate(tokenizer: tokenizer)
        self.tokens = try template.encode(instruction: request.instruction, query: request.query)
        var tags: [TokenID] = []
        for tag in request.tags {
            // Tags are not empty, so they have a first token.
            let id = try tokenizer.encode(Array(tag.utf8), specialTokens: .text)[0].id
            if let twin = tags.firstIndex(of: id) {
                throw CPRSError(
                    code: .invalidArgument,
                    message:
                        "tags '\(request.tags[twin])' and '\(tag)' start with the same token of this model; rename one",
                    details: .init(field: "tags"))
            }
            tags.append(id)
        }
        self.tags = tags
        self.outsideTag = request.tags.firstIndex(of: CompressionRequest.outsideTag)
    }

    /// Context tokens that fit beside the prompt.
    ///
    /// - Parameter windowTokens: the caller's window, prompt included; nil for what the model was trained with.
    func room(_ windowTokens: Int?, limits: CriticLimits) throws(CPRSError) -> Int {
        let most = limits.maxWindowTokens
        if let windowTokens, !(Self.minContextTokens...most).contains(windowTokens) {
            throw CPRSError(
                code: .invalidArgument,
                message: "window must be in \(Self.minContextTokens)...\(most) tokens (got \(windowTokens))",
                details: .init(field: "window"))
        }
        let window = windowTokens ?? limits.trainedWindowTokens
        let room = window - self.tokens.count
        guard room >= Self.minContextTokens else {
            let most = "this model takes windows of up to \(most) tokens"
            throw CPRSError(
                code: .invalidArgument,
                message:
                    "instruction and query take \(self.tokens.count) tokens, and a window of \(window) has room for at "
                    + "most \(max(0, window - Self.minContextTokens)) of them; shorten them or use a larger window (\(most))",
                details: .init(field: "query"))
        }
        return room
    }
}
