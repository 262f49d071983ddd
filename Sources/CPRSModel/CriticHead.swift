internal import CPRSCore
internal import CPRSTensors

/// The two readings of a context token's final hidden state: four label logits, and the LM head's logits at the tags.
///
/// Float32 in every precision. A row's logits depend on that row alone, bit for bit.
struct CriticHead {
    /// `[4, D]`.
    let labelHead: MatrixStorage
    /// `[1, 4]`.
    let labelBias: MatrixStorage
    /// `[V, D]`, or nil if the checkpoint has no LM head.
    let lmHead: TensorView?
    let scratch: Qwen2Scratch
    let pool: ComputePool
    let instructions: InstructionSet

    /// Rows that a thread takes at a time.
    private static let rowBlock = 64

    /// Reads both heads.
    ///
    /// - Parameters:
    ///   - hidden: `[C, D]`, normalised.
    ///   - tags: ids in the vocabulary; only their rows of the LM head are read.
    /// - Returns: labels `[C, 4]` and tags `[C, G]`, row-major; tags is empty without LM head or tags.
    /// - Throws: `modelUnusable` if a logit is not finite: a weight is NaN or infinite, or activations overflowed.
    func read(_ hidden: Matrix, tags: [TokenID]) throws(CPRSError) -> (labels: [Float], tags: [Float]) {
        let labels = self.scratch.labelLogits.matrix.rows(0..<hidden.rows)
        self.multiply(hidden, self.labelHead.matrix, bias: self.labelBias.matrix, into: labels)
        let labelLogits = labels.elements()
        let tagLogits = self.tagLogits(hidden, tags: tags)
        try Self.checkFinite(labelLogits, columns: labels.columns, of: "label")
        try Self.checkFinite(tagLogits, columns: tags.count, of: "tag")
        return (labelLogits, tagLogits)
    }

    private func multiply(_ hidden: Matrix, _ weight: Matrix, bias: Matrix?, into out: Matrix) {
        self.pool.runRows(hidden.rows, perBlock: Self.rowBlock) { rows in
            Kernels.dotRows(
                hidden.rows(rows), weight, bias: bias, into: out.rows(rows), instructions: self.instructions)
        }
    }

    private func tagLogits(_ hidden: Matrix, tags: [TokenID]) -> [Float] {
        guard let lmHead = self.lmHead, !tags.isEmpty else { return [] }
        var all = [Float](repeating: 0, count: hidden.rows * tags.count)
        var start = 0
        while start < tags.count {
            let block = start..<min(start + Qwen2Scratch.tagBlock, tags.count)
            let rows = self.scratch.tagRows.matrix.rows(0..<block.count)
            for (row, tag) in tags[block].enumerated() {
                Kernels.widen(
                    lmHead, rows: Int(tag)..<Int(tag) + 1, columns: 0..<rows.columns, into: rows.rows(row..<row + 1))
            }
            let logits = self.scratch.tagLogits.matrix.block(rows: 0..<hidden.rows, columns: 0..<block.count)
            self.multiply(hidden, rows, bias: nil, into: logits)
            for row in 0..<hidden.rows {
                for column in block { all[row * tags.count + column] = logits[row, column - start] }
            }
            start = block.upperBound
        }
        return all
    }

    private static func checkFinite(_ logits: [Float], columns: Int, of kind: String) throws(CPRSError) {
        guard let index = logits.firstIndex(where: { !$0.isFinite }) else { return }
        throw CPRSError(
            code: .modelUnusable,
            message: "\(kind) logit \(index % columns) of context token \(index / columns) is \(logits[index]):"
                + " the weights hold values that are not finite, or activations overflowed")
    }
}
