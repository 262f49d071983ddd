package import CPRSCore
internal import CPRSDigest
package import CPRSModel
package import CPRSTensors
package import CPRSTokenizer
internal import Glibc

/// A model where it lies: a folder as Hugging Face writes it, or a packed file.
package enum ModelSource {
    /// The folder's path.
    case folder(String)
    /// The file, mapped and checked.
    case packed(PackedModel)

    /// Names of what a packed file holds besides weights, and of what is read from a folder.
    enum FileName {
        static let config = "config.json"
        static let tokenizer = "tokenizer.packed"
        static let presets = "presets.json"
        /// Carried along byte for byte if the folder has them.
        static let carried = ["tokenizer_config.json", "MODEL_CARD.md"]
    }

    /// Largest of the small files that is read.
    static let maxFileBytes = 4 << 20

    /// Looks at what `path` leads to; opens it if it is a file.
    ///
    /// - Throws: `notFound` if there is nothing; `modelUnusable` if it is a file, but no packed model or a damaged one.
    package init(path: String) throws(CPRSError) {
        self = Self.isFolder(path) ? .folder(path) : .packed(try PackedModel(path: path))
    }

    /// The path of the folder or file.
    package var path: String {
        switch self {
        case .folder(let path): path
        case .packed(let model): model.path
        }
    }

    /// What the model is named by, 64 hexadecimal digits: the digest that a packed file states; of a folder, SHA-256 over
    /// its `*.safetensors` in the order of their names, for which all of them are read. For a single file, `sha256sum`
    /// agrees.
    ///
    /// - Throws: `notFound` or `modelUnusable` naming the file that cannot be read.
    package func digest() throws(CPRSError) -> String {
        switch self {
        case .folder(let folder):
            var digest = SHA256Digest()
            for name in try Self.names(in: folder) where name.hasSuffix(".safetensors") {
                let file = try MappedFile(path: "\(folder)/\(name)")
                withExtendedLifetime(file) { digest.update(file.bytes) }
            }
            return digest.hexadecimal()
        case .packed(let model): return model.digest
        }
    }

    /// Names of what is in a folder, sorted.
    ///
    /// - Throws: `notFound` if it cannot be listed.
    static func names(in folder: String) throws(CPRSError) -> [String] {
        guard let listing = opendir(folder) else {
            throw CPRSError(
                code: .notFound, message: "\(folder): cannot be listed (\(String(cString: strerror(errno))))")
        }
        defer { closedir(listing) }
        var names: [String] = []
        while let entry = readdir(listing) {
            names.append(
                withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                })
        }
        return names.sorted()
    }

    /// A small file of the model folder, such as `cprs_selfcheck.json`, or what the packed file holds of it; nil if there
    /// is none.
    ///
    /// - Throws: `modelUnusable` if it is too long to be a small file.
    package func file(_ name: String) throws(CPRSError) -> [UInt8]? {
        switch self {
        case .folder(let folder):
            let path = folder + "/" + name
            return access(path, F_OK) == 0 ? try MappedFile.read(path: path, limit: Self.maxFileBytes) : nil
        case .packed(let model): return model.folderFile(name)?.copy()
        }
    }

    /// The tensors of a further file of the model folder, by their names; none if there is no such file.
    ///
    /// - Parameter name: of the file, without `.safetensors`; it starts with `cprs_`.
    /// - Throws: `modelUnusable` with the file's first defect.
    package func extraTensors(_ name: String) throws(CPRSError) -> [String: StoredTensor] {
        switch self {
        case .folder(let folder):
            let path = "\(folder)/\(name).safetensors"
            guard access(path, F_OK) == 0 else { return [:] }
            let file = try SafetensorsFile(path: path, acceptsBytes: true)
            // A header with a name twice was refused.
            return Dictionary(uniqueKeysWithValues: file.stored.map { ($0.name, $0) })
        case .packed(let model): return model.extraTensors(name)
        }
    }

    /// Opens the tokenizer.
    ///
    /// - Throws: `notFound` if there is none; `modelUnusable` with its first defect.
    package func tokenizer() throws(CPRSError) -> Tokenizer {
        switch self {
        case .folder(let folder): return try Tokenizer(folder: folder)
        case .packed(let model):
            guard let tensor = model.folderFile(FileName.tokenizer) else {
                throw CPRSError(
                    code: .notFound, message: "\(model.path) holds no tokenizer: it was packed without one, to measure")
            }
            return try Tokenizer(packed: tensor.bytes, owner: tensor.memory, name: "\(model.path): tokenizer")
        }
    }

    /// Prepares the critic.
    ///
    /// - Parameters:
    ///   - precision: arithmetic of the linear layers. nil: f32 for a folder, what a packed file was packed for.
    ///   - group: see ``Packing/Recipe``; for a folder only.
    ///   - instructions: the bf16 and int8 kernels to run.
    /// - Throws: as opening the model does; `invalidArgument` if a packed file was packed for another precision.
    package func critic(
        threads: Int, windowTokens: Int?, precision: Precision? = nil, group: Int = 0,
        instructions: InstructionSet = .best
    ) throws(CPRSError) -> Qwen2Critic {
        switch self {
        case .folder(let folder):
            return try Qwen2Critic(
                folder: folder, threads: threads, windowTokens: windowTokens,
                packing: Packing(precision ?? .f32, group: group), instructions: instructions)
        case .packed(let model):
            try model.check(precision)
            return try Qwen2Critic(
                config: model.config, packed: model.weights, threads: threads, windowTokens: windowTokens,
                instructions: instructions)
        }
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}

extension PackedModel {
    /// Checks that it was packed for a precision that somebody asks for; nil asks for none.
    ///
    /// - Throws: `invalidArgument` naming both.
    package func check(_ precision: Precision?) throws(CPRSError) {
        guard let precision, precision != self.weights.precision else { return }
        throw CPRSError(
            code: .invalidArgument,
            message: "\(self.path) is packed for \(self.weights.precision.rawValue) (asked for \(precision.rawValue));"
                + " only a model folder can be used in any precision")
    }
}
