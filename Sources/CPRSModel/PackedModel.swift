package import CPRSCore
package import CPRSTensors

/// A packed model file, opened: mapped, checked, and ready to be multiplied in place.
///
/// Opening reads the header and the small tensors. It checks every size, shape and place against the config, so that no
/// byte of a file can lead outside of it; it does not read the matrices. ``verify(progress:)`` does.
package struct PackedModel {
    /// The path as given.
    package let path: String
    package let config: Qwen2Config
    package let weights: PackedWeights
    /// Names the contents of the file: 64 hexadecimal digits; see ``SafetensorsManifest``.
    package let digest: String
    /// How each packed matrix is packed, by its name.
    package let packing: [String: Packing.Recipe]
    /// The mapped file.
    package let file: SafetensorsFile
    /// What the file says about its own bytes.
    package let manifest: SafetensorsManifest
    private let stored: [String: StoredTensor]

    /// Opens and checks a file.
    ///
    /// - Throws: `notFound` if it cannot be opened; `modelUnusable` with the file and the first defect.
    package init(path: String) throws(CPRSError) {
        let file = try SafetensorsFile(path: path, acceptsBytes: true)
        try PackedModelFormat.check(file.metadata, path: path)
        self.manifest = try SafetensorsManifest(of: file)
        try Self.checkPlaces(file)
        let stored = Dictionary(uniqueKeysWithValues: file.stored.map { ($0.name, $0) })
        let config = try Self.config(stored, path: path)
        let packing = try PackedModelFormat.packing(file.metadata[PackedModelFormat.packingKey] ?? "", path: path)
        let hasLMHead = stored[PackedModelLayout.lmHeadName] != nil
        let layout = try PackedModelLayout(config, hasLMHead: hasLMHead) { (name) throws(CPRSError) in
            guard let recipe = packing[name] else {
                throw CPRSError(code: .modelUnusable, message: "\(path): packing does not say how \(name) is packed")
            }
            return recipe
        }
        try Self.check(stored, against: layout, path: path)
        self.weights = try PackedWeights(stored, layout: layout, tied: config.tiedEmbeddings, path: path)
        self.path = path
        self.config = config
        // The manifest's check has found it.
        self.digest = file.metadata[SafetensorsManifest.digestKey] ?? ""
        self.packing = packing
        self.file = file
        self.stored = stored
    }

    /// The format's name, as the file states it.
    package var format: String { PackedModelFormat.name }
    /// The format's version, as the file states it.
    package var version: Int { PackedModelFormat.version }

    /// A small file of the model folder that was packed along, such as `config.json`; nil if there was none.
    package func folderFile(_ name: String) -> StoredTensor? { self.stored[PackedModelFormat.filesPrefix + name] }

    /// The names of the small files, in the order of the file.
    package var folderFiles: [String] {
        self.file.stored.map(\.name).filter { $0.hasPrefix(PackedModelFormat.filesPrefix) }
            .map { String($0.dropFirst(PackedModelFormat.filesPrefix.count)) }
    }

    /// The tensors of the folder's further file `name` (without `.safetensors`), by their names there.
    package func extraTensors(_ name: String) -> [String: StoredTensor] {
        let prefix = "\(PackedModelFormat.extrasPrefix)\(name)/"
        let found = self.file.stored.filter { $0.name.hasPrefix(prefix) }
        // Names in a file are unique, and so are their ends.
        return Dictionary(uniqueKeysWithValues: found.map { (String($0.name.dropFirst(prefix.count)), $0) })
    }

    /// Reads all of the file and compares each tensor with the hash in the manifest.
    ///
    /// - Parameter progress: is called now and then with the bytes read so far, of ``SafetensorsFile/fileBytes``.
    /// - Throws: `modelUnusable` with the first tensor that is not what was written.
    package func verify(progress: (_ bytes: Int) -> Void = { _ in }) throws(CPRSError) {
        try self.manifest.verify(self.file, progress: progress)
    }

    // MARK: - Checks

    private static func checkPlaces(_ file: SafetensorsFile) throws(CPRSError) {
        guard file.dataStart.isMultiple(of: SafetensorsWriter.pageBytes) else {
            throw CPRSError(
                code: .modelUnusable,
                message: "\(file.path): the data must start at a multiple of \(SafetensorsWriter.pageBytes) bytes (got"
                    + " \(file.dataStart))")
        }
        // Padding ends a tensor's row; only what follows it must be aligned.
        for tensor in file.stored where !tensor.name.hasPrefix(SafetensorsWriter.paddingPrefix) {
            guard tensor.offset.isMultiple(of: SafetensorsWriter.alignment) else {
                throw CPRSError(
                    code: .modelUnusable,
                    message: "\(file.path): \(tensor.name) must start at a multiple of \(SafetensorsWriter.alignment)"
                        + " bytes (got \(tensor.offset))")
            }
        }
    }

    private static func config(_ stored: [String: StoredTensor], path: String) throws(CPRSError) -> Qwen2Config {
        let name = PackedModelFormat.filesPrefix + "config.json"
        guard let tensor = stored[name] else {
            throw CPRSError(code: .modelUnusable, message: "\(path): \(name) is missing")
        }
        return try Qwen2Config(
            json: tensor.copy(), path: "\(path): config.json", environment: Qwen2Critic.environment)
    }

    /// Checks that the file has exactly the layout's tensors, files, extras and padding.
    private static func check(
        _ stored: [String: StoredTensor], against layout: PackedModelLayout, path: String
    ) throws(CPRSError) {
        func failure(_ what: String) -> CPRSError { CPRSError(code: .modelUnusable, message: "\(path): \(what)") }
        var known: Set<String> = []
        for item in layout.all {
            let plan = item.plan
            known.insert(plan.name)
            guard let tensor = stored[plan.name] else {
                throw failure("config.json asks for \(plan.name), which is missing")
            }
            guard tensor.type == plan.type, tensor.shape == plan.shape else {
                throw failure(
                    "\(plan.name) must be \(plan.type?.rawValue ?? "U8") \(plan.shape) (got"
                        + " \(tensor.type?.rawValue ?? "U8") \(tensor.shape))")
            }
        }
        let prefixes = [
            PackedModelFormat.filesPrefix, PackedModelFormat.extrasPrefix, SafetensorsWriter.paddingPrefix,
        ]
        let surplus = stored.keys.filter { name in
            !known.contains(name) && !prefixes.contains { name.hasPrefix($0) }
        }
        if let name = surplus.min() { throw failure("config.json has no place for \(name)") }
    }
}

extension PackedWeights {
    /// Takes the weights from a file whose tensors were checked against the layout.
    fileprivate init(
        _ stored: [String: StoredTensor], layout: PackedModelLayout, tied: Bool, path: String
    ) throws(CPRSError) {
        func tensor(_ item: PackedModelLayout.Item) -> StoredTensor {
            guard let tensor = stored[item.plan.name] else { preconditionFailure("\(item.plan.name) was not checked") }
            return tensor
        }
        func view(_ item: PackedModelLayout.Item) -> TensorView {
            guard let view = tensor(item).view else { preconditionFailure("\(item.plan.name) was not checked") }
            return view
        }
        try self.init(
            layout, tied: tied,
            floats: { (item) throws(CPRSError) in try MatrixStorage(joining: [view(item)]) },
            packed: { (item) throws(CPRSError) in
                let tensor = tensor(item)
                return try PackedMatrix(
                    item.packedLayout, bytes: tensor.bytes, memory: tensor.memory, name: "\(path): \(item.plan.name)")
            },
            table: { (item) throws(CPRSError) in view(item) })
    }
}
