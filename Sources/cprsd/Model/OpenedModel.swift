internal import CPRSCore
internal import CPRSEngine
internal import CPRSModel
internal import CPRSRuntime
internal import CPRSScheduler
internal import CPRSSegmentation
internal import CPRSTensors
internal import CPRSTokenizer

/// A model that was opened, checked and handed to the scheduler's thread.
struct OpenedModel: Sendable {
    let name: String
    /// SHA-256 of a folder's weights, or the digest that a packed file names itself by: 64 hexadecimal digits.
    let sha256: String
    let precision: Precision
    let tokenizer: Tokenizer
    let presets: [Preset]
    let lexicon: Lexicon?
    let critic: SharedCritic
    /// What the self-check compared, for the log.
    let check: SelfCheck.Outcome

    /// Opens and checks a model; takes as long as reading a folder's weights does, so call it on a thread of its own.
    ///
    /// - Throws: `notFound` or `modelUnusable`, naming the file and the defect, or the self-check that failed;
    ///   `invalidArgument` for a precision that a packed file was not made for.
    static func open(_ choice: ModelChoice) throws(CPRSError) -> OpenedModel {
        let loaded = try choice.load()
        let check = try SelfCheck.run(loaded)
        let digest = try loaded.source.digest()
        let (name, tokenizer, presets, lexicon) = (loaded.name, loaded.tokenizer, loaded.presets, try loaded.lexicon())
        let precision = loaded.critic.precision
        return OpenedModel(
            name: name, sha256: digest, precision: precision, tokenizer: tokenizer, presets: presets,
            lexicon: lexicon, critic: SharedCritic(loaded.critic), check: check)
    }
}
