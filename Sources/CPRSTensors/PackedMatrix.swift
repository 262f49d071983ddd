internal import CCPRSKernels
package import CPRSCore

/// A linear layer's weight `[N, K]`, or the gated pair of a SwiGLU block, in the packed layout of `cprs_gemm.h`.
///
/// The bytes are the same on every processor and are multiplied where they lie, in memory of our own or in a mapped file.
package struct PackedMatrix: @unchecked Sendable {
    // Sendable: nothing writes to the memory after the value was made.

    /// What a matrix's bytes mean.
    package struct Layout: Hashable, Sendable {
        /// Output channels N; of a gated pair, F of each half.
        package var outputs: Int
        /// Inputs K.
        package var inputs: Int
        /// bf16 or int8.
        package var precision: Precision
        /// int8: inputs that share a scale, a multiple of 16; 0 if all do. bf16: 0.
        package var group: Int
        /// Two matrices `[F, K]`, gate and up, interleaved.
        package var isGated: Bool

        package init(outputs: Int, inputs: Int, precision: Precision, group: Int = 0, isGated: Bool = false) {
            precondition(precision != .f32, "float32 weights are not packed")
            precondition(group >= 0 && group.isMultiple(of: 16), "group \(group)")
            self.outputs = outputs
            self.inputs = inputs
            self.precision = precision
            self.group = precision == .int8 ? group : 0
            self.isGated = isGated
        }

        /// Bytes of the packed matrix, a multiple of 64.
        package var byteCount: Int { self.panels * self.panelBytes }
        /// Panels of 64 channels, or of 32 gated pairs.
        package var panels: Int { cprs_packed_panels(self.shape) }
        /// Groups of inputs, at least 1.
        package var groups: Int { cprs_packed_groups(self.shape) }
        /// K', the inputs of a row of activations with its padding.
        package var paddedInputs: Int { cprs_packed_inputs(self.inputs) }

        var panelBytes: Int {
            self.precision == .int8
                ? cprs_packed_int8_panel_bytes(self.shape) : cprs_packed_bf16_panel_bytes(self.shape)
        }

        var shape: cprs_packed_shape {
            cprs_packed_shape(
                outputs: self.outputs, inputs: self.inputs, group: self.group, gated: self.isGated ? 1 : 0)
        }
    }

    /// Where a packed matrix must start: at a multiple of this many bytes.
    package static let alignment = 64

    package let layout: Layout
    /// The packed bytes, for writing them to a file.
    package let bytes: UnsafeRawBufferPointer
    private let memory: any TensorMemory

    /// Looks at packed bytes in memory that somebody else owns.
    ///
    /// - Parameters:
    ///   - bytes: part of `memory`.
    ///   - name: for the message.
    /// - Throws: `modelUnusable` if the number of bytes or their alignment is not the layout's.
    package init(
        _ layout: Layout, bytes: UnsafeRawBufferPointer, memory: any TensorMemory, name: String
    ) throws(CPRSError) {
        guard bytes.count == layout.byteCount else {
            throw CPRSError(
                code: .modelUnusable,
                message: "\(name): a packed matrix of this shape has \(layout.byteCount) bytes (got \(bytes.count))")
        }
        guard Int(bitPattern: bytes.baseAddress).isMultiple(of: Self.alignment) else {
            throw CPRSError(
                code: .modelUnusable,
                message: "\(name): a packed matrix must start at a multiple of \(Self.alignment) bytes")
        }
        self.layout = layout
        self.bytes = bytes
        self.memory = memory
    }

    /// Packs a checkpoint's matrices; their rows become consecutive channels.
    ///
    /// - Parameters:
    ///   - layout: `outputs` is the sum of the matrices' rows; of a gated pair, the rows of each of the two (gate, up).
    ///   - matrices: each `[rows, K]`.
    ///   - pool: packs pieces in parallel; the result does not depend on it.
    /// - Throws: `invalidArgument` if there is no memory for it.
    package init(packing matrices: [TensorView], as layout: Layout, pool: ComputePool) throws(CPRSError) {
        precondition(matrices.allSatisfy { $0.shape.count == 2 && $0.shape[1] == layout.inputs })
        let rows = matrices.map { $0.shape[0] }
        precondition(
            layout.isGated ? rows == [layout.outputs, layout.outputs] : rows.reduce(0, +) == layout.outputs,
            "\(matrices.map(\.name)): \(rows) rows for \(layout)")
        let name = matrices.map(\.name).joined(separator: ", ")
        let memory = try OwnedMemory(byteCount: layout.byteCount, purpose: "packed \(name)")
        var first = 0
        for (index, matrix) in matrices.enumerated() {
            let part = layout.isGated ? (index == 0 ? CPRS_PART_GATE : CPRS_PART_UP) : CPRS_PART_PLAIN
            Self.pack(matrix, as: layout, part: part, first: first, into: memory.base, pool: pool)
            if !layout.isGated { first += matrix.shape[0] }
        }
        try self.init(
            layout, bytes: UnsafeRawBufferPointer(start: memory.base, count: layout.byteCount), memory: memory,
            name: name)
    }

    private static func pack(
        _ matrix: TensorView, as layout: Layout, part: cprs_pack_part, first: Int, into packed: UnsafeMutableRawPointer,
        pool: ComputePool
    ) {
        guard let source = matrix.bytes.baseAddress else { return }
        let (rows, inputs) = (matrix.shape[0], matrix.shape[1])
        let type = matrix.type.packedSource
        let shape = layout.shape
        pool.runRows(rows, perBlock: 64) { block in
            let start = source + block.lowerBound * inputs * matrix.type.bytes
            if layout.precision == .int8 {
                cprs_pack_int8(start, type, inputs, block.count, shape, part, first + block.lowerBound, packed)
            } else {
                cprs_pack_bf16(start, type, inputs, block.count, shape, part, first + block.lowerBound, packed)
            }
        }
    }
}

extension ElementType {
    fileprivate var packedSource: cprs_dtype {
        switch self {
        case .f32: CPRS_F32
        case .bf16: CPRS_BF16
        case .f16: CPRS_F16
        }
    }
}
