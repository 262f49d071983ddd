internal import CPRSCore
internal import CPRSTensors

/// A tensor that a checkpoint must have.
struct TensorSpec: Hashable {
    /// The checkpoint's key.
    var name: String
    /// Its sizes.
    var shape: [Int]
}

/// Every tensor of a Qwen2 critic, by its role. The checkpoint's key strings are written here and nowhere else.
struct Qwen2Tensors {
    /// One layer's tensors.
    struct Layer {
        let attentionNorm, query, queryBias, key, keyBias, value, valueBias, attentionOutput: TensorSpec
        let feedForwardNorm, gate, up, down: TensorSpec

        init(_ index: Int, _ config: Qwen2Config) {
            func spec(_ name: String, _ shape: Int...) -> TensorSpec {
                TensorSpec(name: "model.layers.\(index).\(name)", shape: shape)
            }
            self.attentionNorm = spec("input_layernorm.weight", config.width)
            self.query = spec("self_attn.q_proj.weight", config.queryWidth, config.width)
            self.queryBias = spec("self_attn.q_proj.bias", config.queryWidth)
            self.key = spec("self_attn.k_proj.weight", config.keyWidth, config.width)
            self.keyBias = spec("self_attn.k_proj.bias", config.keyWidth)
            self.value = spec("self_attn.v_proj.weight", config.keyWidth, config.width)
            self.valueBias = spec("self_attn.v_proj.bias", config.keyWidth)
            self.attentionOutput = spec("self_attn.o_proj.weight", config.width, config.queryWidth)
            self.feedForwardNorm = spec("post_attention_layernorm.weight", config.width)
            self.gate = spec("mlp.gate_proj.weight", config.feedForwardWidth, config.width)
            self.up = spec("mlp.up_proj.weight", config.feedForwardWidth, config.width)
            self.down = spec("mlp.down_proj.weight", config.width, config.feedForwardWidth)
        }

        var all: [TensorSpec] {
            [
                self.attentionNorm, self.query, self.queryBias, self.key, self.keyBias, self.value, self.valueBias,
                self.attentionOutput, self.feedForwardNorm, self.gate, self.up, self.down,
            ]
        }
    }

    let embedding: TensorSpec
    let layers: [Layer]
    let finalNorm, labelHead, labelBias: TensorSpec
    /// Needed for tags only, and only if the embedding is not used in its place.
    let lmHead: TensorSpec

    init(_ config: Qwen2Config) {
        self.embedding = TensorSpec(name: "model.embed_tokens.weight", shape: [config.vocabularySize, config.width])
        self.layers = (0..<config.layers).map { Layer($0, config) }
        self.finalNorm = TensorSpec(name: "model.norm.weight", shape: [config.width])
        self.labelHead = TensorSpec(name: "cls_head.weight", shape: [BIOE.allCases.count, config.width])
        self.labelBias = TensorSpec(name: "cls_head.bias", shape: [BIOE.allCases.count])
        self.lmHead = TensorSpec(name: "lm_head.weight", shape: [config.vocabularySize, config.width])
    }

    /// All tensors without which the critic cannot run.
    var required: [TensorSpec] {
        [self.embedding] + self.layers.flatMap(\.all) + [self.finalNorm, self.labelHead, self.labelBias]
    }

    /// Leftovers of older writers: constants that follow from the config.
    private static func isHarmless(_ name: String) -> Bool { name.hasSuffix(".rotary_emb.inv_freq") }

    /// Checks that a checkpoint has exactly these tensors, in these shapes.
    ///
    /// - Throws: `modelUnusable` with the names that are missing, surplus, or of another shape.
    func check(_ tensors: [String: TensorView], in folder: String) throws(CPRSError) {
        let missing = self.required.filter { tensors[$0.name] == nil }.map(\.name)
        guard missing.isEmpty else {
            throw CPRSError(
                code: .modelUnusable,
                message: "\(folder): config.json asks for tensors that are missing: \(Self.list(missing))")
        }
        let known = self.required + [self.lmHead]
        let names = Set(known.map(\.name))
        let surplus = tensors.keys.filter { !names.contains($0) && !Self.isHarmless($0) }.sorted()
        guard surplus.isEmpty else {
            throw CPRSError(
                code: .modelUnusable,
                message: "\(folder): tensors that config.json has no place for: \(Self.list(surplus))")
        }
        let wrong = known.compactMap { spec -> String? in
            guard let tensor = tensors[spec.name], tensor.shape != spec.shape else { return nil }
            return "\(spec.name) has shape \(tensor.shape), config.json asks for \(spec.shape)"
        }
        guard wrong.isEmpty else {
            throw CPRSError(code: .modelUnusable, message: "\(folder): \(Self.list(wrong))")
        }
    }

    /// At most eight items, and how many more there are.
    private static func list(_ items: [String]) -> String {
        let shown = items.prefix(8).joined(separator: ", ")
        return items.count > 8 ? "\(shown) and \(items.count - 8) more" : shown
    }
}

extension Qwen2Config {
    /// Number of weights with one copy of a tied embedding, or nil if it overflows.
    package var parameterCount: Int? {
        let table = self.vocabularySize * self.width
        let layer = Qwen2Tensors.Layer(0, self).all.reduce(0) { $0 + $1.shape.reduce(1, *) }
        let (allLayers, overflow) = layer.multipliedReportingOverflow(by: self.layers)
        let heads = (self.tiedEmbeddings ? table : 2 * table) + self.width + 4 * self.width + 4
        let (total, carry) = allLayers.addingReportingOverflow(heads)
        return overflow || carry ? nil : total
    }
}
