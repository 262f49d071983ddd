package import CPRSCore
package import CPRSTensors

/// What a model folder holds, found from its config and headers alone: nothing is computed and no weight is read.
package struct CheckpointSummary: Sendable {
    /// One file of the checkpoint.
    package struct File: Sendable {
        package let path: String
        package let bytes: Int
        package let tensors: Int
    }

    /// One tensor.
    package struct Tensor: Sendable {
        package let name: String
        package let type: ElementType
        package let shape: [Int]
        package let bytes: Int
        /// The file leaves an F32 matrix unaligned, so opening the model copies it.
        package let isUnaligned: Bool
    }

    /// The model's sizes and constants.
    package let config: Qwen2Config
    /// The checkpoint's files, sorted by name.
    package let files: [File]
    /// All tensors, sorted by name.
    package let tensors: [Tensor]
    /// Elements of all tensors.
    package let parameters: Int
    /// Bytes of all tensors.
    package let tensorBytes: Int
    /// Bytes by element type.
    package let bytesByType: [ElementType: Int]
    /// The model can score tags: it has an LM head, its own or the embedding.
    package let hasLMHead: Bool

    /// Opens and checks the model in `folder` as ``Qwen2Critic`` does.
    ///
    /// - Throws: `notFound`, `modelUnusable` or `invalidArgument`, as opening the model would.
    package init(folder: String) throws(CPRSError) {
        let config = try Qwen2Config(folder: folder, environment: Qwen2Critic.environment)
        let checkpoint = try Checkpoint(folder: folder)
        let names = Qwen2Tensors(config)
        try names.check(checkpoint.tensors, in: folder)
        self.config = config
        self.files = checkpoint.files.map { File(path: $0.path, bytes: $0.fileBytes, tensors: $0.tensors.count) }
        let views = checkpoint.tensors.values.sorted { $0.name < $1.name }
        self.tensors = views.map {
            Tensor(name: $0.name, type: $0.type, shape: $0.shape, bytes: $0.byteCount, isUnaligned: $0.isUnaligned)
        }
        self.parameters = views.reduce(0) { $0 + $1.elementCount }
        self.tensorBytes = views.reduce(0) { $0 + $1.byteCount }
        self.bytesByType = views.reduce(into: [:]) { $0[$1.type, default: 0] += $1.byteCount }
        self.hasLMHead = config.tiedEmbeddings || checkpoint.tensors[names.lmHead.name] != nil
    }
}
