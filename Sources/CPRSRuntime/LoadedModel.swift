package import CPRSCore
package import CPRSEngine
package import CPRSModel
package import CPRSSegmentation
package import CPRSTokenizer

/// A model folder, opened: the composition root of everything that scores text.
package final class LoadedModel {
    /// The folder's name, for people.
    package let name: String
    /// The folder's tokenizer.
    package let tokenizer: Tokenizer
    /// The folder's weights, ready to score.
    package let critic: Qwen2Critic
    /// What the folder brings for word matching; nil if it has no `cprs_lexical` in its config.
    package let lexicon: Lexicon?

    /// Opens a folder as Hugging Face writes it.
    ///
    /// - Parameters:
    ///   - folder: path of the folder.
    ///   - threads: compute threads, the caller's included.
    ///   - windowTokens: largest window that will be scored, prompt included; nil for what the model was trained with.
    /// - Throws: `notFound` or `modelUnusable`, naming the file and the defect; `invalidArgument` for a window or thread
    ///   count out of range.
    package init(folder: String, threads: Int, windowTokens: Int? = nil) throws(CPRSError) {
        self.critic = try Qwen2Critic(folder: folder, threads: threads, windowTokens: windowTokens)
        self.tokenizer = try Tokenizer(folder: folder)
        self.lexicon = try Lexicon(folder: folder, vocabularySize: self.tokenizer.vocabularySize)
        self.name = folder.split(separator: "/").last.map(String.init) ?? folder
        let (ids, rows) = (self.tokenizer.vocabularySize, self.critic.limits.vocabularySize)
        guard ids <= rows else {
            throw CPRSError(
                code: .modelUnusable,
                message: "\(folder): the tokenizer has ids up to \(ids - 1), but the model's vocab_size is \(rows)")
        }
    }

    /// The instruction that the model was trained with, if its config states one.
    package var trainedInstruction: String? { self.critic.config.trainedInstruction }

    /// Starts a compression.
    package func session(for request: CompressionRequest) throws(CPRSError) -> Session {
        try Session(request, tokenizer: self.tokenizer, limits: self.critic.limits, lexicon: self.lexicon)
    }
}
