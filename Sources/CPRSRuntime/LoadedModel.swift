package import CPRSCore
package import CPRSEngine
package import CPRSModel
package import CPRSSegmentation
package import CPRSTensors
package import CPRSTokenizer

/// A model, opened: the composition root of everything that scores text.
package final class LoadedModel {
    /// The folder's or file's name, for people.
    package let name: String
    /// Where it lies, with its small files and further tensors.
    package let source: ModelSource
    /// Its tokenizer.
    package let tokenizer: Tokenizer
    /// Its weights, ready to score.
    package let critic: Qwen2Critic
    /// The instructions that it offers, in the wording that it was trained on; those of a packed file are its own.
    package let presets: [Preset]

    /// Opens a folder as Hugging Face writes it, or a packed file.
    ///
    /// - Parameters:
    ///   - path: of the folder or file.
    ///   - threads: compute threads, the caller's included.
    ///   - windowTokens: largest window that will be scored, prompt included; nil for what the model was trained with.
    ///   - precision: arithmetic of the linear layers. nil: f32 for a folder, what a packed file was packed for. A folder
    ///     is packed in memory for another: see `critic.packingTime`.
    /// - Throws: `notFound` or `modelUnusable`, naming the file and the defect; `invalidArgument` for a window or thread
    ///   count out of range, or a precision that a packed file was not made for.
    package convenience init(
        path: String, threads: Int, windowTokens: Int? = nil, precision: Precision? = nil
    ) throws(CPRSError) {
        let source = try ModelSource(path: path)
        try self.init(
            source, critic: source.critic(threads: threads, windowTokens: windowTokens, precision: precision))
    }

    /// Puts a critic and the rest of its model together.
    package init(_ source: ModelSource, critic: Qwen2Critic) throws(CPRSError) {
        self.source = source
        self.critic = critic
        self.tokenizer = try source.tokenizer()
        self.name = ModelLocation.name(of: source.path)
        self.presets = try Self.presets(of: source) ?? Preset.worded(for: critic.config)
        try self.tokenizer.check(fits: critic.limits.vocabularySize, path: source.path)
    }

    /// The instruction that the model was trained with, if its config states one.
    package var trainedInstruction: String? { self.critic.config.trainedInstruction }

    /// The presets that a packed file holds; nil if it holds none, or for a folder.
    ///
    /// - Throws: `modelUnusable` with their first defect.
    package static func presets(of source: ModelSource) throws(CPRSError) -> [Preset]? {
        guard case .packed(let model) = source, let tensor = model.folderFile(ModelSource.FileName.presets) else {
            return nil
        }
        return try Preset.read(tensor.copy(), path: "\(model.path): \(ModelSource.FileName.presets)")
    }

    /// The model's preset of that name, or nil.
    package func preset(_ name: String) -> Preset? { self.presets.first { $0.name == name } }

    /// Reads what the model brings for word matching; nil if it has no `cprs_lexical` in its config.
    ///
    /// Takes some milliseconds, so whoever has many sessions asks once.
    ///
    /// - Throws: `modelUnusable` with its first defect.
    package func lexicon() throws(CPRSError) -> Lexicon? {
        try Lexicon(self.source, config: self.critic.config, vocabularySize: self.tokenizer.vocabularySize)
    }

    /// Starts a compression; reads the lexicon if the request has a use for it.
    package func session(for request: CompressionRequest) throws(CPRSError) -> Session {
        try Session(
            request, tokenizer: self.tokenizer, limits: self.critic.limits,
            lexicon: request.canMatchWords ? self.lexicon() : nil)
    }
}

extension Tokenizer {
    /// Checks that every id has a row in the model's embedding.
    func check(fits vocabularySize: Int, path: String) throws(CPRSError) {
        guard self.vocabularySize <= vocabularySize else {
            throw CPRSError(
                code: .modelUnusable,
                message: "\(path): the tokenizer has ids up to \(self.vocabularySize - 1), but the model's vocab_size"
                    + " is \(vocabularySize)")
        }
    }
}
