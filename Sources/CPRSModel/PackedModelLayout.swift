internal import CPRSCore
internal import CPRSTensors

/// Every tensor that a packed model file holds for a critic, by its role. Their names are written here and nowhere else.
struct PackedModelLayout {
    /// Where a stored tensor comes from, and so how it is stored.
    enum Content {
        /// Vectors end to end, or a small matrix, as F32.
        case floats([TensorSpec])
        /// Matrices in the kernels' layout, as U8.
        case packed([TensorSpec], PackedMatrix.Layout)
        /// A matrix whose rows are widened when they are needed, as BF16.
        case table(TensorSpec)
    }

    /// One stored tensor.
    struct Item {
        var plan: TensorPlan
        var content: Content

        /// The checkpoint's tensors that it is made from.
        var sources: [TensorSpec] {
            switch self.content {
            case .floats(let specs), .packed(let specs, _): specs
            case .table(let spec): [spec]
            }
        }

        /// The layout of an item that is packed.
        var packedLayout: PackedMatrix.Layout {
            guard case .packed(_, let layout) = self.content else {
                preconditionFailure("\(self.plan.name) is not packed")
            }
            return layout
        }
    }

    /// One layer's items.
    struct Layer {
        let attentionNorm, qkv, qkvBias, attentionOutput, feedForwardNorm, gateUp, down: Item

        var all: [Item] {
            [
                self.attentionNorm, self.qkv, self.qkvBias, self.attentionOutput, self.feedForwardNorm, self.gateUp,
                self.down,
            ]
        }
    }

    let embedding, finalNorm, labelHead, labelBias: Item
    let layers: [Layer]
    /// nil if the embedding is used in its place, or there is none.
    let lmHead: Item?

    /// All items in the order of the file.
    var all: [Item] {
        [self.embedding] + self.layers.flatMap(\.all) + [self.finalNorm, self.labelHead, self.labelBias]
            + (self.lmHead.map { [$0] } ?? [])
    }

    /// - Parameters:
    ///   - hasLMHead: the checkpoint has an LM head of its own.
    ///   - recipe: how the matrix of that name is packed.
    init(
        _ config: Qwen2Config, hasLMHead: Bool, recipe: (String) throws(CPRSError) -> Packing.Recipe
    ) throws(CPRSError) {
        let names = Qwen2Tensors(config)
        var layers: [Layer] = []
        for (index, layer) in names.layers.enumerated() {
            layers.append(try Self.layer(layer, "layers.\(index).", config, recipe))
        }
        self.layers = layers
        self.embedding = Self.table(names.embedding, "embedding")
        self.finalNorm = Self.floats([names.finalNorm], "final_norm")
        self.labelHead = Self.floats([names.labelHead], "label_head")
        self.labelBias = Self.floats([names.labelBias], "label_bias")
        self.lmHead = hasLMHead && !config.tiedEmbeddings ? Self.table(names.lmHead, Self.lmHeadName) : nil
    }

    /// The layout of a packing, with the config's wishes about bf16.
    ///
    /// - Throws: `invalidArgument` if the packing is not possible.
    init(_ config: Qwen2Config, hasLMHead: Bool, packing: Packing) throws(CPRSError) {
        var packing = packing
        packing.bf16 += config.bf16Matrices
        try packing.recipe.check()
        try self.init(config, hasLMHead: hasLMHead) { [packing] in packing.recipe(of: $0) }
        let names = self.layers.flatMap(\.all).filter { if case .packed = $0.content { true } else { false } }
        try packing.check(names.map(\.plan.name))
    }

    /// The name of the LM head's tensor: without it in a file, the model has none.
    static let lmHeadName = "lm_head"

    private static func layer(
        _ layer: Qwen2Tensors.Layer, _ prefix: String, _ config: Qwen2Config,
        _ recipe: (String) throws(CPRSError) -> Packing.Recipe
    ) throws(CPRSError) -> Layer {
        func packed(
            _ specs: [TensorSpec], _ name: String, outputs: Int, inputs: Int, isGated: Bool = false
        ) throws(CPRSError) -> Item {
            let recipe = try recipe(prefix + name)
            let layout = PackedMatrix.Layout(
                outputs: outputs, inputs: inputs, precision: recipe.precision, group: recipe.group, isGated: isGated)
            let plan = TensorPlan(name: prefix + name, type: nil, shape: [layout.byteCount])
            return Item(plan: plan, content: .packed(specs, layout))
        }
        return Layer(
            attentionNorm: Self.floats([layer.attentionNorm], prefix + "attention_norm"),
            qkv: try packed(
                [layer.query, layer.key, layer.value], "qkv", outputs: config.queryWidth + 2 * config.keyWidth,
                inputs: config.width),
            qkvBias: Self.floats([layer.queryBias, layer.keyBias, layer.valueBias], prefix + "qkv_bias"),
            attentionOutput: try packed(
                [layer.attentionOutput], "attention_output", outputs: config.width, inputs: config.queryWidth),
            feedForwardNorm: Self.floats([layer.feedForwardNorm], prefix + "feed_forward_norm"),
            gateUp: try packed(
                [layer.gate, layer.up], "gate_up", outputs: config.feedForwardWidth, inputs: config.width,
                isGated: true),
            down: try packed([layer.down], "down", outputs: config.width, inputs: config.feedForwardWidth))
    }

    private static func floats(_ specs: [TensorSpec], _ name: String) -> Item {
        // Vectors are joined; a single matrix keeps its shape.
        let shape = specs.count == 1 ? specs[0].shape : [specs.reduce(0) { $0 + $1.shape.reduce(1, *) }]
        return Item(plan: TensorPlan(name: name, type: .f32, shape: shape), content: .floats(specs))
    }

    private static func table(_ spec: TensorSpec, _ name: String) -> Item {
        Item(plan: TensorPlan(name: name, type: .bf16, shape: spec.shape), content: .table(spec))
    }
}
