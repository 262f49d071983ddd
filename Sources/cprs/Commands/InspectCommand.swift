internal import ArgumentParser
internal import CPRSCore
internal import CPRSModel
internal import CPRSRuntime
internal import CPRSTensors
internal import CPRSTokenizer

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Check a model and say what is in it.",
        discussion: """
            Opens the folder or packed file as compress would: config, headers and shapes, the tokenizer. No matrix is \
            read unless --verify asks for it. Exit code 66 and the first defect if the model cannot be used.

              cprs inspect ~/models/QwenLong-CPRS-7B
              cprs inspect critic.cprs --verify
              cprs inspect critic.cprs --file MODEL_CARD.md
            """)

    @Argument(
        help: "Model folder as Hugging Face writes it, or a packed file (default: the model that ships with cprs).")
    var model: String?

    @Flag(help: "List every tensor.")
    var tensors = false

    @Flag(help: "Read a packed file whole and compare it with its hashes.")
    var verify = false

    @Option(help: ArgumentHelp("Print a small file that the model carries, and nothing else.", valueName: "name"))
    var file: String?

    func run() throws {
        let path = try self.model ?? ModelOptions.defaultModel()
        let started = ContinuousClock.now
        let source = try ModelSource(path: path)
        if let name = self.file {
            guard let bytes = try source.file(name) else {
                throw CPRSError(code: .notFound, message: "\(path) has no \(name)")
            }
            Console.write(bytes)
            return Console.flush()
        }
        let description: ModelDescription
        switch source {
        case .folder(let folder):
            guard !self.verify else {
                throw CPRSError(code: .invalidArgument, message: "\(folder) is a folder: it states no hashes to verify")
            }
            description = try ModelDescription(folder: folder)
        case .packed(let packed):
            description = ModelDescription(packed, presets: try LoadedModel.presets(of: source) ?? [])
        }
        var lines = description.lines(tokenizer: try self.tokenizer(of: source))
        lines.append("checked in   \(Format.fixed((ContinuousClock.now - started).seconds * 1000, 1)) ms")
        if case .packed(let packed) = source, self.verify { lines.append(try Self.verify(packed)) }
        Console.write(lines.joined(separator: "\n") + "\n")
        if self.tensors { Console.write(description.tensors.map { $0 + "\n" }.joined()) }
        Console.flush()
    }

    /// The tokenizer; nil if a packed file was made of a shape and has none.
    private func tokenizer(of source: ModelSource) throws(CPRSError) -> Tokenizer? {
        do { return try source.tokenizer() } catch {
            if case .packed = source, error.code == .notFound { return nil }
            throw error
        }
    }

    private static func verify(_ packed: PackedModel) throws(CPRSError) -> String {
        let started = ContinuousClock.now
        var bar = ShareBar(what: "verified")
        try packed.verify { bar.update($0, of: packed.file.fileBytes) }
        bar.clear()
        let seconds = (ContinuousClock.now - started).seconds
        return "verified     \(packed.file.stored.count) tensors in \(Format.fixed(seconds, 2)) s"
    }
}
