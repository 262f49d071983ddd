internal import CPRSCore
internal import CPRSTensors

/// The layers on packed bf16 or int8 weights, with attention in bf16.
///
/// A layer is three phases on the pool: blocks of rows from the residual stream to queries, keys and values; attention
/// by blocks of queries; blocks of rows from attended values to the residual stream again. All that lies between two
/// products of a block stays in the worker's cache. A row's result depends on its window alone, bit for bit: not on the
/// cut into blocks, on the number of threads, or on the other windows.
///
/// Where it stops scaling: a phase ends in a barrier, three a layer, each worth some microseconds plus the wait for the
/// last block. A block of B rows reads a layer's weights once, so n threads need n · bytes / B of them a row and layer
/// from the shared cache or memory; below some 48 rows a block that, not arithmetic, sets the speed. So threads pay
/// while a batch has about 48 rows for each of them.
final class PackedBackend: LayerBackend {
    let scratch: PackedScratch
    private let config: Qwen2Config
    private let layers: [PackedWeights.Layer]
    private let tables: Qwen2Scratch
    private let pool: ComputePool
    private let instructions: InstructionSet
    private let epsilon: Float

    /// Reserves the scratch for batches of `tables`' size.
    ///
    /// - Throws: `invalidArgument` if there is no memory for it; `modelUnusable` if the heads are too wide.
    init(
        _ config: Qwen2Config, layers: [PackedWeights.Layer], tables: Qwen2Scratch, pool: ComputePool,
        instructions: InstructionSet
    ) throws(CPRSError) {
        guard config.headWidth <= AttentionShape.maxHeadWidth else {
            throw CPRSError(
                code: .modelUnusable,
                message: "bf16 and int8 take heads of at most \(AttentionShape.maxHeadWidth) (got \(config.headWidth))")
        }
        self.scratch = try PackedScratch(
            config, layers, rows: tables.rows, threads: pool.threads, instructions: instructions)
        self.config = config
        self.layers = layers
        self.tables = tables
        self.pool = pool
        self.instructions = instructions
        self.epsilon = Float(config.normEpsilon)
    }

    /// The keys and values of the layer at hand.
    func keyValues(_ window: WindowBatch.Window) -> KeyValues {
        self.scratch.keyValues.window(first: window.firstKey, tokens: window.tokens)
    }

    func project(_ residual: Matrix, layer index: Int, step: WindowBatch.LayerStep, batch: WindowBatch) {
        let layer = self.layers[index]
        if step.causal { self.loadPrefixes(layer: index, batch) }
        // The first panel that holds a key's column.
        let keyPanels = self.config.queryWidth / 64..<layer.qkv.layout.panels
        let blocks = RowBlocks(step.stored, threads: self.pool.threads)
        self.pool.run(blocks.count) { block, worker in
            let rows = blocks[block]
            let mine = self.scratch.workers[worker]
            let inputs = mine.inputs.normalise(
                residual.rows(rows), weight: layer.attentionNorm.matrix, epsilon: self.epsilon, for: layer.qkv.layout)
            let projected = mine.projected.matrix.rows(0..<rows.count)
            // Rows that do not attend need no queries; what is stored for them is left from other rows.
            let attends = rows.upperBound > step.active.lowerBound
            Kernels.multiply(
                inputs, by: layer.qkv, panels: attends ? nil : keyPanels, bias: layer.qkvBias.matrix, into: projected,
                instructions: self.instructions)
            for segment in step.storedSegments where segment.rows.overlaps(rows) {
                self.store(projected, rows: rows.clamped(to: segment.rows), from: rows.lowerBound, segment, batch)
            }
        }
    }

    /// Stores the part `rows` of a block, whose first row is `start`.
    private func store(
        _ projected: Matrix, rows: Range<Int>, from start: Int, _ segment: WindowBatch.Segment, _ batch: WindowBatch
    ) {
        let position = segment.firstPosition + rows.lowerBound - segment.rows.lowerBound
        let rotation = self.tables.rotation(position..<position + rows.count)
        Kernels.store(
            projected.rows(rows.lowerBound - start..<rows.upperBound - start), cosine: rotation.cosine,
            sine: rotation.sine, position: position, queries: self.scratch.queries.matrix.rows(rows),
            keyValues: self.keyValues(batch.windows[segment.window]), instructions: self.instructions)
    }

    /// Copies the known keys and values of prompts to where attention reads them.
    private func loadPrefixes(layer: Int, _ batch: WindowBatch) {
        for window in batch.windows {
            guard let prefix = window.prefix else { continue }
            prefix.keyValues(layer: layer).copy(prefix.tokens, to: self.keyValues(window))
        }
    }

    func attend(step: WindowBatch.LayerStep, batch: WindowBatch) {
        let heads = self.config.keyValueHeads
        self.pool.run(step.attentionTasks.count * heads) { index, worker in
            let task = step.attentionTasks[index / heads]
            Kernels.attend(
                queries: self.scratch.queries.matrix.rows(task.rows), firstPosition: task.firstPosition,
                keyValueHead: index % heads, keyValues: self.keyValues(batch.windows[task.window]),
                causal: step.causal, into: self.scratch.attended.matrix.rows(task.rows),
                scratch: self.scratch.workers[worker].attention, instructions: self.instructions)
        }
    }

    func feedForward(_ residual: Matrix, layer index: Int, rows: Range<Int>) {
        let layer = self.layers[index]
        let blocks = RowBlocks(rows, threads: self.pool.threads)
        self.pool.run(blocks.count) { block, worker in
            let rows = blocks[block]
            let stream = residual.rows(rows)
            let mine = self.scratch.workers[worker]
            let attended = mine.inputs.convert(
                self.scratch.attended.matrix.rows(rows), for: layer.attentionOutput.layout)
            Kernels.addProduct(attended, by: layer.attentionOutput, to: stream, instructions: self.instructions)
            let normed = mine.inputs.normalise(
                stream, weight: layer.feedForwardNorm.matrix, epsilon: self.epsilon, for: layer.gateUp.layout)
            let gated = mine.gated.matrix.rows(0..<rows.count)
            Kernels.gatedProduct(normed, by: layer.gateUp, into: gated, instructions: self.instructions)
            let inner = mine.inputs.convert(gated, for: layer.down.layout)
            Kernels.addProduct(inner, by: layer.down, to: stream, instructions: self.instructions)
        }
    }
}
