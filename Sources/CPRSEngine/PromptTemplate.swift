package import CPRSCore
package import CPRSTokenizer

/// The tokens before the context, the same in every window of a request.
///
/// `<|im_start|>system\n{instruction}<|im_end|>\n<|im_start|>user\n{query}<|im_end|>\n<|im_start|>context\n`
///
/// The markers are special tokens; instruction and query are text, so a marker that is spelled inside them stays text and
/// cannot end its turn.
package struct PromptTemplate: Sendable {
    private let start: TokenID
    private let end: TokenID
    private let tokenizer: Tokenizer

    /// Looks the two markers up.
    ///
    /// - Throws: `modelUnusable` if the tokenizer lacks one.
    package init(tokenizer: Tokenizer) throws(CPRSError) {
        func marker(_ text: String) throws(CPRSError) -> TokenID {
            guard let id = tokenizer.specialToken(text) else {
                throw CPRSError(code: .modelUnusable, message: "the tokenizer has no special token \(text)")
            }
            return id
        }
        self.start = try marker("<|im_start|>")
        self.end = try marker("<|im_end|>")
        self.tokenizer = tokenizer
    }

    /// The prompt's ids.
    package func encode(instruction: String, query: String) throws(CPRSError) -> [TokenID] {
        [self.start] + (try self.text("system\n" + instruction)) + [self.end] + (try self.text("\n"))
            + [self.start] + (try self.text("user\n" + query)) + [self.end] + (try self.text("\n"))
            + [self.start] + (try self.text("context\n"))
    }

    private func text(_ text: String) throws(CPRSError) -> [TokenID] {
        try self.tokenizer.encode(Array(text.utf8), specialTokens: .text).map(\.id)
    }
}
