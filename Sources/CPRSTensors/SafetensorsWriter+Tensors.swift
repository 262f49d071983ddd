package import CPRSCore

extension SafetensorsWriter {
    /// Elements that are converted at a time.
    private static let blockElements = 1 << 20

    /// Writes a tensor's bytes as they are.
    package func append(_ bytes: [UInt8], to name: String) throws(CPRSError) {
        try bytes.withUnsafeBufferPointer { (bytes) throws(CPRSError) in
            try self.append(UnsafeRawBufferPointer(bytes), to: name)
        }
    }

    /// Writes small tensors as F32, one after the other.
    package func append(widening tensors: [TensorView], to name: String) throws(CPRSError) {
        for tensor in tensors {
            try tensor.floats().withUnsafeBufferPointer { (floats) throws(CPRSError) in
                try self.append(UnsafeRawBufferPointer(floats), to: name)
            }
        }
    }

    /// Writes a matrix as BF16: F32 and F16 elements are rounded to nearest even, BF16 ones are copied.
    ///
    /// The elements must be finite in BF16 (see ``TensorView/firstUnpackable(pool:)``).
    package func append(rounding tensor: TensorView, to name: String) throws(CPRSError) {
        guard tensor.type != .bf16 else { return try self.append(tensor.bytes, to: name) }
        precondition(tensor.shape.count == 2, "\(tensor.name): \(tensor.shape)")
        let (rows, columns) = (tensor.shape[0], tensor.shape[1])
        guard columns > 0 else { return }
        let rowsPerBlock = max(1, Self.blockElements / columns)
        let wide = try MatrixStorage(rows: min(rows, rowsPerBlock), columns: columns, purpose: "rows of \(name)")
        var narrow = [UInt16](repeating: 0, count: wide.matrix.rows * columns)
        for start in stride(from: 0, to: rows, by: rowsPerBlock) {
            let block = wide.matrix.rows(0..<min(rowsPerBlock, rows - start))
            Kernels.widen(tensor, rows: start..<start + block.rows, columns: 0..<columns, into: block)
            let count = block.rows * columns
            narrow.withUnsafeMutableBufferPointer { narrow in
                for index in 0..<count { narrow[index] = Self.rounded(block.start[index]) }
            }
            try narrow.withUnsafeBufferPointer { (narrow) throws(CPRSError) in
                try self.append(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: narrow[..<count])), to: name)
            }
        }
    }

    /// The upper half of a finite float, rounded to nearest even.
    private static func rounded(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
    }
}

extension TensorView {
    /// Index of the first element that is not finite, or that would not be in BF16, and its value; nil if there is none.
    package func firstUnpackable(pool: ComputePool) -> (index: Int, value: Float)? {
        guard let base = self.bytes.baseAddress else { return nil }
        let (count, block) = (self.elementCount, 1 << 20)
        let blocks = (count + block - 1) / block
        var hits = [Int](repeating: -1, count: blocks)
        hits.withUnsafeMutableBufferPointer { hits in
            // Each block writes its own element.
            nonisolated(unsafe) let hits = hits
            pool.run(blocks) { index, _ in
                let range = index * block..<min((index + 1) * block, count)
                hits[index] = self.firstUnpackable(in: range, base) ?? -1
            }
        }
        guard let index = hits.first(where: { $0 >= 0 }) else { return nil }
        return (index, self.element(index, base))
    }

    private func firstUnpackable(in range: Range<Int>, _ base: UnsafeRawPointer) -> Int? {
        switch self.type {
        // The least magnitude that rounds to infinity; for the others, infinity.
        case .f32: Self.first(in: range, ofMagnitude: 0x7F7F_8000 as UInt32, base)
        case .f16: Self.first(in: range, ofMagnitude: 0x7C00 as UInt16, base)
        case .bf16: Self.first(in: range, ofMagnitude: 0x7F80 as UInt16, base)
        }
    }

    /// The first element whose bits without the sign are at least `limit`.
    private static func first<Bits: FixedWidthInteger & UnsignedInteger>(
        in range: Range<Int>, ofMagnitude limit: Bits, _ base: UnsafeRawPointer
    ) -> Int? {
        func magnitude(_ index: Int) -> Bits {
            base.loadUnaligned(fromByteOffset: index * MemoryLayout<Bits>.size, as: Bits.self) & (Bits.max >> 1)
        }
        // The maximum has no early exit, so it is found many elements at a time.
        let largest = range.reduce(0 as Bits) { max($0, magnitude($1)) }
        return largest >= limit ? range.first { magnitude($0) >= limit } : nil
    }

    private func element(_ index: Int, _ base: UnsafeRawPointer) -> Float {
        switch self.type {
        case .f32: Float(bitPattern: base.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
        case .bf16: Float(bitPattern: UInt32(base.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)) << 16)
        case .f16:
            TensorView(
                name: self.name, type: .f16, shape: [1],
                bytes: UnsafeRawBufferPointer(start: base + 2 * index, count: 2), memory: self.memory
            ).floats()[0]
        }
    }
}
