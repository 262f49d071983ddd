package import CPRSCore
internal import Glibc

/// The tensors of a model folder as Hugging Face writes it: `model.safetensors`, or shards with an index.
///
/// If both are there, the single file is used, as `transformers` does. Nothing but headers is read.
package struct Checkpoint: Sendable {
    /// The mapped files, sorted by name.
    package let files: [SafetensorsFile]
    /// All tensors by name.
    package let tensors: [String: TensorView]

    /// Opens the model in `folder`.
    ///
    /// - Throws: `notFound` if there is neither a single file nor an index; `modelUnusable` with the first defect of a
    ///   header, or if the index and the shards disagree on where a tensor is.
    package init(folder: String) throws(CPRSError) {
        let single = folder + "/model.safetensors"
        let index = folder + "/model.safetensors.index.json"
        if access(single, F_OK) == 0 {
            try self.init(file: SafetensorsFile(path: single))
        } else if access(index, F_OK) == 0 {
            try self.init(folder: folder, index: index)
        } else {
            throw CPRSError(
                code: .notFound, message: "\(folder): neither model.safetensors nor model.safetensors.index.json")
        }
    }

    private init(file: SafetensorsFile) {
        self.files = [file]
        // A header with a name twice was refused.
        self.tensors = Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0) })
    }

    private init(folder: String, index path: String) throws(CPRSError) {
        let index = try ShardIndex(MappedFile.read(path: path, limit: ShardIndex.maxBytes), path: path)
        var files: [SafetensorsFile] = []
        var tensors: [String: TensorView] = [:]
        for name in index.fileNames {
            let file = try SafetensorsFile(path: folder + "/" + name)
            for tensor in file.tensors {
                guard let listed = index.files[tensor.name] else {
                    throw CPRSError(
                        code: .modelUnusable, message: "\(file.path): \(tensor.name) is not in the index \(path)")
                }
                guard listed == name else {
                    throw CPRSError(
                        code: .modelUnusable,
                        message: "\(file.path): \(tensor.name) is in \(listed) by the index \(path)")
                }
                tensors[tensor.name] = tensor
            }
            files.append(file)
        }
        let missing = index.files.keys.filter { tensors[$0] == nil }.sorted()
        guard missing.isEmpty else {
            let list = missing.map { "\($0) (\(index.files[$0] ?? ""))" }.joined(separator: ", ")
            throw CPRSError(code: .modelUnusable, message: "\(path): listed but not in its shard: \(list)")
        }
        self.files = files
        self.tensors = tensors
    }
}
