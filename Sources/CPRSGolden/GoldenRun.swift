package import CPRSCore
internal import CPRSTokenizer

/// Compares this build with a folder of recorded results of the reference implementations.
///
/// Families: `tokenizer.jsonl` with `qwen2/tokenizer.json` (Hugging Face tokenizers), `models/forward.jsonl` with its
/// checkpoints (PyTorch), `spans.jsonl` (the published post-processing). A family whose files are absent is left out.
package struct GoldenRun {
    private let folder: String
    private let threads: Int

    package init(folder: String, threads: Int) {
        self.folder = folder
        self.threads = threads
    }

    /// Runs every family that the folder has.
    ///
    /// - Throws: `notFound` if it has none; `modelUnusable` if a vector file is damaged.
    package func execute() throws(CPRSError) -> [GoldenReport] {
        var reports: [GoldenReport] = []
        if FileBytes.exists(self.folder + "/tokenizer.jsonl") {
            reports.append(try TokenizerVectors(folder: self.folder).check())
        }
        if FileBytes.exists(self.folder + "/models/forward.jsonl") {
            reports.append(try ForwardVectors(folder: self.folder + "/models", threads: self.threads).check())
        }
        if FileBytes.exists(self.folder + "/spans.jsonl") {
            reports.append(try SpanVectors(folder: self.folder).check())
        }
        guard !reports.isEmpty else {
            throw CPRSError(
                code: .notFound,
                message: "\(self.folder): holds none of tokenizer.jsonl, models/forward.jsonl, spans.jsonl")
        }
        return reports
    }
}
