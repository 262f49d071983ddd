internal import CPRSCore
internal import CPRSEngine
internal import CPRSRuntime
internal import CPRSScheduler
internal import CPRSTokenizer
internal import CPRSWire

/// A model that was opened, checked and handed to the scheduler's thread.
struct OpenedModel: Sendable {
    /// Path of the model folder or packed file.
    let folder: String
    let name: String
    /// SHA-256 of the weights, or of a packed file's manifest: 64 hexadecimal digits.
    let sha256: String
    let tokenizer: Tokenizer
    let trainedInstruction: String?
    let critic: SharedCritic
    /// What the self-check compared, for the log.
    let check: SelfCheck.Outcome

    /// Opens and checks a model; takes as long as reading its weights does, so call it on a thread of its own.
    ///
    /// - Throws: `notFound` or `modelUnusable`, naming the file and the defect, or the self-check that failed.
    static func open(
        folder: String, threads: Int, windowTokens: Int?
    ) throws(CPRSError) -> OpenedModel {
        let loaded = try LoadedModel(path: folder, threads: threads, windowTokens: windowTokens)
        let check = try SelfCheck.run(loaded, folder: folder)
        var digest = loaded.digest
        if digest == nil { digest = try ModelDigest.sha256(folder: folder) }
        let (name, tokenizer, trained) = (loaded.name, loaded.tokenizer, loaded.trainedInstruction)
        return OpenedModel(
            folder: folder, name: name, sha256: digest ?? "", tokenizer: tokenizer,
            trainedInstruction: trained, critic: SharedCritic(loaded.critic), check: check)
    }
}
