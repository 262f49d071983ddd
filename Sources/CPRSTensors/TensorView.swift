/// A named tensor in memory that somebody else may own: read-only, row-major.
package struct TensorView: @unchecked Sendable {
    // Sendable: nothing writes to the memory after the view was made.

    /// The checkpoint's name for it.
    package let name: String
    /// How the elements are written.
    package let type: ElementType
    /// Sizes, slowest axis first.
    package let shape: [Int]
    /// The elements, little-endian; not necessarily aligned.
    let bytes: UnsafeRawBufferPointer
    /// Keeps `bytes` valid.
    let memory: any TensorMemory

    /// Looks at `bytes`, which must be part of `memory` and hold exactly the shape's elements.
    init(name: String, type: ElementType, shape: [Int], bytes: UnsafeRawBufferPointer, memory: any TensorMemory) {
        self.name = name
        self.type = type
        self.shape = shape
        self.bytes = bytes
        self.memory = memory
        precondition(bytes.count == self.elementCount * type.bytes, "\(name): \(bytes.count) bytes for \(shape)")
    }

    /// Number of elements.
    package var elementCount: Int { self.shape.reduce(1, *) }
    /// Bytes of storage.
    package var byteCount: Int { self.bytes.count }

    /// Elements wider than two bytes do not start at a multiple of their width, so arithmetic cannot use them in place.
    package var isUnaligned: Bool { self.type == .f32 && Int(bitPattern: self.bytes.baseAddress) % 4 != 0 }

    /// The elements as float32 in a new array, for small tensors.
    package func floats() -> [Float] {
        let count = self.elementCount
        return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            if let start = buffer.baseAddress {
                Kernels.widen(self, rows: 0..<1, columns: 0..<count, rowLength: count, into: start, stride: count)
            }
            initialized = count
        }
    }
}
