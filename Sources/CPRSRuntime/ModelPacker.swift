package import CPRSCore
internal import CPRSEngine
package import CPRSModel
package import CPRSTensors
internal import CPRSTokenizer

/// Makes packed model files.
package enum ModelPacker {
    /// Packs a model folder into one file that needs nothing else: weights, config, tokenizer, presets in the model's
    /// wording, the small files that go with it, and the tensors of every `cprs_*.safetensors`.
    ///
    /// - Parameters:
    ///   - packing: of the linear layers. Norms, biases and the label head stay float32; the embedding and the LM head
    ///     become bfloat16.
    ///   - path: the file.
    ///   - replaces: an existing file is replaced.
    ///   - progress: is called after each tensor with the bytes written so far and in all.
    /// - Throws: as opening the folder does; `modelUnusable` with the tensor and index of a weight that is not finite;
    ///   `invalidArgument` if the file exists; `notWritten` if it cannot be written.
    package static func pack(
        folder: String, packing: Packing, to path: String, replaces: Bool, pool: ComputePool,
        progress: (_ bytes: Int, _ total: Int) -> Void = { _, _ in }
    ) throws(CPRSError) -> PackedModelWriter.Report {
        let source = ModelSource.folder(folder)
        let weights = try WeightSource(folder: folder)
        let tokenizer = try source.tokenizer()
        try tokenizer.check(fits: weights.config.vocabularySize, path: folder)
        guard let config = try source.file(ModelSource.FileName.config) else {
            throw CPRSError(code: .notFound, message: "\(folder): there is no \(ModelSource.FileName.config)")
        }
        var contents = PackedModelWriter.Contents(files: [
            (ModelSource.FileName.config, config),
            (ModelSource.FileName.presets, Array(Preset.json(Preset.worded(for: weights.config)).utf8)),
        ])
        for name in ModelSource.FileName.carried {
            if let bytes = try source.file(name) { contents.files.append((name, bytes)) }
        }
        if let vector = try Self.selfCheck(source, packing: packing, threads: pool.threads) {
            contents.files.append((SelfCheck.Vector.fileName, Array(vector.json.utf8)))
        }
        contents.files.append((ModelSource.FileName.tokenizer, tokenizer.packed()))
        for name in try Self.extraNames(folder) {
            let file = try SafetensorsFile(path: "\(folder)/\(name).safetensors", acceptsBytes: true)
            contents.extras.append((name, file))
        }
        return try PackedModelWriter(weights, contents: contents, packing: packing, pool: pool)
            .write(to: path, replaces: replaces, progress: progress)
    }

    /// What the packed model says about the folder's self-check, for which it is packed in memory; nil if there is none.
    private static func selfCheck(
        _ source: ModelSource, packing: Packing, threads: Int
    ) throws(CPRSError) -> SelfCheck.Vector? {
        guard try SelfCheck.Vector(of: source) != nil else { return nil }
        let critic = try Qwen2Critic(folder: source.path, threads: threads, packing: packing)
        return try SelfCheck.recorded(by: LoadedModel(source, critic: critic))
    }

    /// Packs random weights of a published shape, to measure with: the file has no tokenizer.
    ///
    /// - Throws: as ``pack(folder:packing:to:replaces:pool:progress:)``.
    package static func pack(
        shape: Qwen2Config, packing: Packing, to path: String, replaces: Bool, pool: ComputePool,
        progress: (_ bytes: Int, _ total: Int) -> Void = { _, _ in }
    ) throws(CPRSError) -> PackedModelWriter.Report {
        let contents = PackedModelWriter.Contents(files: [(ModelSource.FileName.config, Array(shape.json.utf8))])
        return try PackedModelWriter(
            WeightSource(random: shape, seed: 1, pool: pool), contents: contents, packing: packing, pool: pool
        ).write(to: path, replaces: replaces, progress: progress)
    }

    /// Names, without their ending, of the folder's `cprs_*.safetensors`, sorted.
    private static func extraNames(_ folder: String) throws(CPRSError) -> [String] {
        let ending = ".safetensors"
        return try ModelSource.names(in: folder)
            .filter { $0.hasPrefix("cprs_") && $0.hasSuffix(ending) }
            .map { String($0.dropLast(ending.count)) }
    }
}
