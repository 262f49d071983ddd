internal import CPRSCore
internal import CPRSTensors

/// What lies between the steps of a layer with packed weights, allocated once for the largest batch.
final class PackedScratch {
    /// One worker's memory for a block of rows.
    struct Worker {
        /// The inputs of the next product.
        let inputs: ActivationBlock
        /// `[B, (H + 2 KV) · HD]`, queries, keys and values before they are rotated and rounded.
        let projected: MatrixStorage
        /// `[B, F']`, the gated activations.
        let gated: BF16Storage
        /// Of one attention task.
        let attention: OwnedMemory
    }

    /// `[W, H · HD]`.
    let queries: BF16Storage
    /// `[W, K']`, K' = H · HD with its padding, which stays zero.
    let attended: BF16Storage
    /// One layer's keys and values of all windows.
    let keyValues: KeyValueStore
    let workers: [Worker]

    /// Reserves everything.
    ///
    /// - Throws: `invalidArgument` if there is no memory for `rows` tokens.
    init(
        _ config: Qwen2Config, _ layers: [PackedWeights.Layer], rows: Int, threads: Int, instructions: InstructionSet
    ) throws(CPRSError) {
        let shape = config.attentionShape
        let purpose = "a batch of \(rows) tokens"
        let layouts = layers.flatMap { [$0.qkv.layout, $0.attentionOutput.layout, $0.gateUp.layout, $0.down.layout] }
        self.queries = try BF16Storage(rows: rows, columns: config.queryWidth, purpose: purpose)
        self.attended = try BF16Storage(
            rows: rows, columns: layers[0].attentionOutput.layout.paddedInputs, purpose: purpose)
        self.keyValues = try KeyValueStore(shape, capacity: rows, purpose: purpose)
        var workers: [Worker] = []
        for _ in 0..<threads {
            workers.append(
                Worker(
                    inputs: try ActivationBlock(rows: RowBlocks.most, layouts: layouts, instructions: instructions),
                    projected: try MatrixStorage(
                        rows: RowBlocks.most, columns: shape.projectedWidth, purpose: "a block's queries and keys"),
                    gated: try BF16Storage(
                        rows: RowBlocks.most, columns: layers[0].down.layout.paddedInputs,
                        purpose: "a block's gated activations"),
                    attention: try OwnedMemory(byteCount: shape.scratchBytes, purpose: "attention tiles")))
        }
        self.workers = workers
    }
}

extension Qwen2Config {
    /// The heads of a layer.
    var attentionShape: AttentionShape {
        AttentionShape(heads: self.heads, keyValueHeads: self.keyValueHeads, headWidth: self.headWidth)
    }
}
