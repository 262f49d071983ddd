package import CPRSCore
package import CPRSTensors

/// Where a model's weights come from when it is packed: one tensor at a time.
package struct WeightSource {
    package let config: Qwen2Config
    /// There is an LM head of its own.
    let hasLMHead: Bool
    let tensor: (TensorSpec) throws(CPRSError) -> TensorView

    /// The checkpoint of a model folder, mapped.
    ///
    /// - Throws: `notFound`, `modelUnusable` or `invalidArgument`, as opening the model would.
    package init(folder: String) throws(CPRSError) {
        let config = try Qwen2Config(folder: folder, environment: Qwen2Critic.environment)
        let checkpoint = try Checkpoint(folder: folder)
        let names = Qwen2Tensors(config)
        try names.check(checkpoint.tensors, in: folder)
        self.config = config
        self.hasLMHead = checkpoint.tensors[names.lmHead.name] != nil
        self.tensor = { (spec) throws(CPRSError) in
            guard let tensor = checkpoint.tensors[spec.name] else {
                preconditionFailure("\(spec.name) was not checked")
            }
            return tensor
        }
    }

    /// Random weights of a shape, each made when it is asked for: those of ``Qwen2Critic`` with the same seed, in BF16.
    package init(random shape: Qwen2Config, seed: UInt64, pool: ComputePool) {
        self.config = shape
        self.hasLMHead = !shape.tiedEmbeddings
        let names = Qwen2Tensors(shape)
        self.tensor = { (spec) throws(CPRSError) in
            try names.random(spec, type: .bf16, seed: seed, pool: pool)
        }
    }
}

/// Writes a packed model file, matrix by matrix: beside the file's pages, one matrix and its packed form are in memory.
package struct PackedModelWriter {
    /// What to pack besides the weights.
    package struct Contents {
        /// Small files of the model folder, by name; `config.json` among them.
        package var files: [(name: String, bytes: [UInt8])]
        /// Further `*.safetensors` files of the folder, by name without the ending.
        package var extras: [(name: String, file: SafetensorsFile)]

        package init(
            files: [(name: String, bytes: [UInt8])], extras: [(name: String, file: SafetensorsFile)] = []
        ) {
            self.files = files
            self.extras = extras
        }
    }

    /// What was written.
    package struct Report: Sendable {
        package var fileBytes: Int
        package var digest: String
        /// Elements of the checkpoint's tensors that were read.
        package var parameters: Int
    }

    private let source: WeightSource
    private let contents: Contents
    private let layout: PackedModelLayout
    private let pool: ComputePool

    /// - Throws: `invalidArgument` if the packing is not possible.
    package init(
        _ source: WeightSource, contents: Contents, packing: Packing, pool: ComputePool
    ) throws(CPRSError) {
        self.source = source
        self.contents = contents
        self.layout = try PackedModelLayout(source.config, hasLMHead: source.hasLMHead, packing: packing)
        self.pool = pool
    }

    /// Writes the file.
    ///
    /// - Parameters:
    ///   - replaces: an existing file is replaced.
    ///   - progress: is called after each tensor with the bytes written so far and in all.
    /// - Throws: `modelUnusable` with the tensor and index of a weight that is not finite; `invalidArgument` if the file
    ///   exists; `notWritten` if it cannot be written.
    package func write(
        to path: String, replaces: Bool, progress: (_ bytes: Int, _ total: Int) -> Void = { _, _ in }
    ) throws(CPRSError) -> Report {
        let files = self.contents.files.map { file in
            TensorPlan(name: PackedModelFormat.filesPrefix + file.name, type: nil, shape: [file.bytes.count])
        }
        let extras = self.contents.extras.flatMap { extra in
            extra.file.stored.map { tensor in
                let name = "\(PackedModelFormat.extrasPrefix)\(extra.name)/\(tensor.name)"
                return (plan: TensorPlan(name: name, type: tensor.type, shape: tensor.shape), tensor: tensor)
            }
        }
        let writer = try SafetensorsWriter(
            path: path, replaces: replaces, tensors: files + extras.map(\.plan) + self.layout.all.map(\.plan),
            metadata: [
                PackedModelFormat.formatKey: PackedModelFormat.name,
                PackedModelFormat.versionKey: "\(PackedModelFormat.version)",
                PackedModelFormat.packingKey: PackedModelFormat.packing(of: self.layout),
            ])
        for (plan, file) in zip(files, self.contents.files) { try writer.append(file.bytes, to: plan.name) }
        for extra in extras {
            try withExtendedLifetime(extra.tensor.memory) { () throws(CPRSError) in
                try writer.append(extra.tensor.bytes, to: extra.plan.name)
            }
        }
        var (bytes, parameters) = (0, 0)
        for item in self.layout.all {
            parameters += try self.write(item, to: writer)
            bytes += item.plan.byteCount
            progress(bytes, writer.fileBytes)
        }
        return Report(fileBytes: writer.fileBytes, digest: try writer.finish(), parameters: parameters)
    }

    /// Writes one item and returns how many elements it was made from.
    private func write(_ item: PackedModelLayout.Item, to writer: SafetensorsWriter) throws(CPRSError) -> Int {
        var views: [TensorView] = []
        for spec in item.sources {
            let view = try self.source.tensor(spec)
            try view.checkPackable(pool: self.pool)
            views.append(view)
        }
        switch item.content {
        case .floats: try writer.append(widening: views, to: item.plan.name)
        case .packed(_, let layout):
            let packed = try PackedMatrix(packing: views, as: layout, pool: self.pool)
            try withExtendedLifetime(packed) { () throws(CPRSError) in
                try writer.append(packed.bytes, to: item.plan.name)
            }
        case .table: try writer.append(rounding: views[0], to: item.plan.name)
        }
        return views.reduce(0) { $0 + $1.elementCount }
    }
}
