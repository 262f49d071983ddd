internal import CPRSCore
internal import CPRSEngine
internal import CPRSJSON
internal import CPRSModel
internal import CPRSTensors
internal import CPRSTokenizer

/// What `cprs inspect` says about a model, as lines.
struct ModelDescription {
    private let head: [String]
    private let config: Qwen2Config
    private let hasLMHead: Bool
    private let tail: [String]
    /// A line for each tensor.
    let tensors: [String]

    /// - Throws: as opening the model does.
    init(folder: String) throws(CPRSError) {
        let summary = try CheckpointSummary(folder: folder)
        self.head = [
            "folder       \(folder)",
            "files        \(summary.files.count), \(Format.bytes(summary.files.reduce(0) { $0 + $1.bytes }))",
            "parameters   \(Format.grouped(summary.parameters)) in \(summary.tensors.count) tensors, "
                + summary.bytesByType.map { "\($0.key) \(Format.bytes($0.value))" }.sorted().joined(separator: ", "),
        ]
        self.config = summary.config
        self.hasLMHead = summary.hasLMHead
        self.tail = []
        self.tensors = summary.tensors.map { tensor in
            let note = tensor.isUnaligned ? "  (unaligned in the file, copied when opened)" : ""
            return "\(tensor.name)  \(tensor.type) \(tensor.shape)  \(Format.bytes(tensor.bytes))\(note)"
        }
    }

    init(_ packed: PackedModel, presets: [Preset]) {
        var counts: [String: Int] = [:]
        for recipe in packed.packing.values {
            let group = recipe.group > 0 ? " in groups of \(recipe.group)" : ""
            counts["\(recipe.precision.rawValue)\(group)", default: 0] += 1
        }
        self.head = [
            "file         \(packed.path), \(Format.bytes(packed.file.fileBytes))",
            "format       \(packed.format), version \(packed.version)",
            "digest       \(packed.digest)",
            "precision    " + counts.map { "\($0.key): \($0.value) matrices" }.sorted().joined(separator: ", "),
            "parameters   \(packed.config.parameterCount.map(Format.grouped) ?? "?") in"
                + " \(packed.file.stored.count) tensors",
        ]
        self.config = packed.config
        self.hasLMHead = packed.weights.lmHead != nil
        self.tail = [
            "presets      \(presets.map(\.name).joined(separator: ", "))",
            "carries      \(packed.folderFiles.joined(separator: ", "))",
        ]
        self.tensors = zip(packed.file.stored, packed.manifest.lines).map { tensor, line in
            "\(tensor.name)  \(packed.packing[tensor.name]?.precision.rawValue ?? tensor.type?.rawValue ?? "U8")"
                + " \(tensor.shape)  \(Format.bytes(tensor.bytes.count))  \(line.sha256)"
        }
    }

    /// All lines but those of the tensors.
    func lines(tokenizer: Tokenizer?) -> [String] {
        let config = self.config
        let ids = tokenizer.map { "tokenizer with \(Format.grouped($0.vocabularySize)) ids" } ?? "no tokenizer"
        let instruction = config.trainedInstruction.map { ["instruction  \(JSONText.quoted($0))"] } ?? []
        return self.head + [
            "layers       \(config.layers), the first \(config.bidirectionalStartLayer) causal, the others bidirectional",
            "width        \(config.width), feed-forward \(config.feedForwardWidth)",
            "heads        \(config.heads) of width \(config.headWidth), \(config.keyValueHeads) key/value heads",
            "rotary       theta \(config.ropeTheta)",
            "window       trained for \(Format.grouped(config.trainedWindowTokens)) tokens, "
                + "at most \(Format.grouped(config.maxPositions))",
            "vocabulary   \(Format.grouped(config.vocabularySize)) rows, \(ids)",
            "tags         \(self.tags)",
        ] + instruction + self.tail
    }

    private var tags: String {
        guard self.hasLMHead else { return "none: the checkpoint has no LM head" }
        return self.config.tiedEmbeddings ? "LM head, tied to the embedding" : "LM head of its own"
    }
}
