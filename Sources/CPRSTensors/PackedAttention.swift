internal import CCPRSKernels

/// Attention in bf16, on the calling thread; see `cprs_attention.h`.
extension Kernels {
    /// Takes rows of the q/k/v product: rotates queries and keys, rounds to bf16 and stores all three.
    ///
    /// - Parameters:
    ///   - projected: `[R, (H + 2 KV) · HD]`, biases included, of consecutive positions of one window.
    ///   - cosine: `[R, HD / 2]`, of the same positions.
    ///   - sine: `[R, HD / 2]`.
    ///   - position: of the first row.
    ///   - queries: `[R, H · HD]`, of the same rows.
    ///   - keyValues: the window's.
    package static func store(
        _ projected: Matrix, cosine: Matrix, sine: Matrix, position: Int, queries: BF16Matrix, keyValues: KeyValues,
        instructions: InstructionSet
    ) {
        let shape = keyValues.shape
        precondition(projected.columns == shape.projectedWidth && queries.columns == shape.heads * shape.headWidth)
        precondition(queries.rows == projected.rows && position + projected.rows <= keyValues.tokens)
        for table in [cosine, sine] {
            precondition(
                table.rows == projected.rows && table.columns == shape.headWidth / 2 && table.stride == table.columns)
        }
        let window = keyValues.view(queries: queries, firstPosition: position, causal: false)
        withUnsafePointer(to: window) { window in
            cprs_store_qkv_bf16(
                instructions.code, projected.start, projected.stride, cosine.start, sine.start, position,
                projected.rows, window)
        }
    }

    /// softmax(q kᵀ / sqrt(HD)) v of the query heads that share one key/value head.
    ///
    /// - Parameters:
    ///   - queries: `[R, H · HD]`, of consecutive positions of the window, as ``store`` leaves them.
    ///   - firstPosition: of the first row.
    ///   - keyValueHead: which head.
    ///   - keyValues: the window's.
    ///   - causal: a query sees keys up to its own position; otherwise all.
    ///   - out: `[R, H · HD]` or wider.
    ///   - scratch: ``AttentionShape/scratchBytes`` of it.
    package static func attend(
        queries: BF16Matrix, firstPosition: Int, keyValueHead: Int, keyValues: KeyValues, causal: Bool,
        into out: BF16Matrix, scratch: OwnedMemory, instructions: InstructionSet
    ) {
        let shape = keyValues.shape
        precondition(queries.columns == shape.heads * shape.headWidth && out.columns >= queries.columns)
        precondition(out.rows == queries.rows && firstPosition + queries.rows <= keyValues.tokens)
        precondition(scratch.bytes.count >= shape.scratchBytes)
        let window = keyValues.view(queries: queries, firstPosition: firstPosition, causal: causal)
        withUnsafePointer(to: window) { window in
            cprs_attention_bf16(
                instructions.code, window, keyValueHead, 0, queries.rows, out.start, out.columns, scratch.base)
        }
    }
}
