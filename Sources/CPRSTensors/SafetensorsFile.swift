package import CPRSCore

/// One mapped safetensors file. Opening it reads the header only.
package struct SafetensorsFile: Sendable {
    /// The path as given.
    package let path: String
    /// Size of the file.
    package let fileBytes: Int
    /// Offset of the first tensor's bytes.
    package let dataStart: Int
    /// The optional `__metadata__`.
    package let metadata: [String: String]
    /// Everything that is stored, in the order of the file.
    package let stored: [StoredTensor]

    /// The tensors that can be computed with, in the order of the file.
    package var tensors: [TensorView] { self.stored.compactMap(\.view) }

    /// Maps and checks the file at `path`.
    ///
    /// - Parameter acceptsBytes: tensors of plain bytes (U8) are allowed beside floating-point ones.
    /// - Throws: `notFound` if it cannot be opened, `modelUnusable` with the first defect of its header.
    package init(path: String, acceptsBytes: Bool = false) throws(CPRSError) {
        let file = try MappedFile(path: path)
        let header = try SafetensorsHeader(file: file.bytes, path: path, acceptsBytes: acceptsBytes)
        self.path = path
        self.fileBytes = file.bytes.count
        self.dataStart = header.data.lowerBound
        self.metadata = header.metadata
        self.stored = header.entries.map { entry in
            StoredTensor(
                name: entry.name, type: entry.type, shape: entry.shape, offset: entry.bytes.lowerBound,
                bytes: UnsafeRawBufferPointer(rebasing: file.bytes[entry.bytes]), memory: file)
        }
    }
}

/// A named tensor as it lies in a file: numbers, or plain bytes that stand for anything.
package struct StoredTensor: @unchecked Sendable {
    // Sendable: nothing writes to the memory after the value was made.

    /// Its key in the file's header.
    package let name: String
    /// How its elements are written; nil for plain bytes (U8).
    package let type: ElementType?
    /// Sizes, slowest axis first.
    package let shape: [Int]
    /// Offset of its first byte in the file.
    package let offset: Int
    /// Its bytes; valid while `memory` lives, so whoever uses them holds that (`withExtendedLifetime`).
    package let bytes: UnsafeRawBufferPointer
    /// Keeps `bytes` valid.
    package let memory: any TensorMemory

    /// Its bytes in an array of their own.
    package func copy() -> [UInt8] { withExtendedLifetime(self.memory) { Array(self.bytes) } }

    /// The tensor to compute with; nil for plain bytes.
    package var view: TensorView? {
        guard let type = self.type else { return nil }
        return TensorView(name: self.name, type: type, shape: self.shape, bytes: self.bytes, memory: self.memory)
    }
}
