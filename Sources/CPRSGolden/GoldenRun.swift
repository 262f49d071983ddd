package import CPRSCore
package import CPRSTensors
internal import CPRSTokenizer

/// Compares this build with a folder of recorded results of the reference implementations.
///
/// Families: `tokenizer.jsonl` with `qwen2/tokenizer.json` (Hugging Face tokenizers), `models/forward.jsonl` with its
/// checkpoints (PyTorch), `spans.jsonl` (the published post-processing). A family whose files are absent is left out.
package struct GoldenRun {
    private let folder: String
    private let threads: Int
    private let precision: Precision

    /// - Parameter precision: of the forward vectors; sets their tolerance too.
    package init(folder: String, threads: Int, precision: Precision = .f32) {
        self.folder = folder
        self.threads = threads
        self.precision = precision
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
            let vectors = ForwardVectors(
                folder: self.folder + "/models", threads: self.threads, precision: self.precision)
            reports.append(try vectors.check())
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
