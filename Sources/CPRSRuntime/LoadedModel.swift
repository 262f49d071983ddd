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
    /// What the model brings for word matching; nil if it has no `cprs_lexical` in its config.
    package let lexicon: Lexicon?

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
    package init(
        path: String, threads: Int, windowTokens: Int? = nil, precision: Precision? = nil
    ) throws(CPRSError) {
        self.source = try ModelSource(path: path)
        self.critic = try self.source.critic(threads: threads, windowTokens: windowTokens, precision: precision)
        self.tokenizer = try self.source.tokenizer()
        self.lexicon = try Lexicon(self.source, vocabularySize: self.tokenizer.vocabularySize)
        self.name = ModelLocation.name(of: path)
        self.presets = try Self.presets(of: self.source) ?? Preset.worded(for: self.critic.config)
        try self.tokenizer.check(fits: self.critic.limits.vocabularySize, path: path)
    }

    /// The instruction that the model was trained with, if its config states one.
    package var trainedInstruction: String? { self.critic.config.trainedInstruction }

    /// SHA-256 that names a packed file's contents, 64 hexadecimal digits; nil for a folder.
    package var digest: String? { self.source.digest }

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

    /// Starts a compression.
    package func session(for request: CompressionRequest) throws(CPRSError) -> Session {
        try Session(request, tokenizer: self.tokenizer, limits: self.critic.limits, lexicon: self.lexicon)
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
