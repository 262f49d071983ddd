package import CPRSCore

/// One mapped safetensors file. Opening it reads the header only.
package struct SafetensorsFile: Sendable {
    /// The path as given.
    package let path: String
    /// Size of the file.
    package let fileBytes: Int
    /// The tensors in the order of the file.
    package let tensors: [TensorView]
    /// The optional `__metadata__`.
    package let metadata: [String: String]

    /// Maps and checks the file at `path`.
    ///
    /// - Throws: `notFound` if it cannot be opened, `modelUnusable` with the first defect of its header.
    package init(path: String) throws(CPRSError) {
        let file = try MappedFile(path: path)
        let header = try SafetensorsHeader(file: file.bytes, path: path)
        self.path = path
        self.fileBytes = file.bytes.count
        self.metadata = header.metadata
        self.tensors = header.entries.map { entry in
            TensorView(
                name: entry.name, type: entry.type, shape: entry.shape,
                bytes: UnsafeRawBufferPointer(rebasing: file.bytes[entry.bytes]), memory: file)
        }
    }
}
