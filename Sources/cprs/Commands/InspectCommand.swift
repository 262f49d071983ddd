internal import ArgumentParser
internal import CPRSCore
internal import CPRSModel
internal import CPRSTensors
internal import CPRSTokenizer

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Check a model folder and say what is in it.",
        discussion: """
            Opens the folder as compress would: config.json, the checkpoint's headers and shapes, the tokenizer. No weight \
            is read. Exit code 66 and the first defect if the model cannot be used.

              cprs inspect ~/models/QwenLong-CPRS-7B
              cprs inspect model --tensors
            """)

    @Argument(help: "Model folder as Hugging Face writes it (default: the model that ships with cprs).")
    var model: String?

    @Flag(help: "List every tensor.")
    var tensors = false

    func run() throws {
        let folder = try self.model ?? ModelOptions.defaultFolder()
        let started = ContinuousClock.now
        let summary = try CheckpointSummary(folder: folder)
        let tokenizer = try Tokenizer(folder: folder)
        let seconds = (ContinuousClock.now - started).seconds
        let config = summary.config
        var lines = [
            "folder       \(folder)",
            "files        \(summary.files.count), \(Format.bytes(summary.files.reduce(0) { $0 + $1.bytes }))",
            "parameters   \(Format.grouped(summary.parameters)) in \(summary.tensors.count) tensors, "
                + summary.bytesByType.map { "\($0.key) \(Format.bytes($0.value))" }.sorted().joined(separator: ", "),
            "layers       \(config.layers), the first \(config.bidirectionalStartLayer) causal, the others bidirectional",
            "width        \(config.width), feed-forward \(config.feedForwardWidth)",
            "heads        \(config.heads) of width \(config.headWidth), \(config.keyValueHeads) key/value heads",
            "rotary       theta \(config.ropeTheta)",
            "window       trained for \(Format.grouped(config.trainedWindowTokens)) tokens, "
                + "at most \(Format.grouped(config.maxPositions))",
            "vocabulary   \(Format.grouped(config.vocabularySize)) rows, tokenizer with "
                + "\(Format.grouped(tokenizer.vocabularySize)) ids",
            "tags         \(summary.hasLMHead ? Self.head(config) : "none: the checkpoint has no LM head")",
        ]
        if let instruction = config.trainedInstruction { lines.append("instruction  \(JSONText.quoted(instruction))") }
        lines.append("checked in   \(Format.fixed(seconds * 1000, 1)) ms")
        Console.write(lines.joined(separator: "\n") + "\n")
        if self.tensors { self.list(summary) }
        Console.flush()
    }

    private static func head(_ config: Qwen2Config) -> String {
        config.tiedEmbeddings ? "LM head, tied to the embedding" : "LM head of its own"
    }

    private func list(_ summary: CheckpointSummary) {
        for tensor in summary.tensors {
            let note = tensor.isUnaligned ? "  (unaligned in the file, copied when opened)" : ""
            Console.write("\(tensor.name)  \(tensor.type) \(tensor.shape)  \(Format.bytes(tensor.bytes))\(note)\n")
        }
    }
}
