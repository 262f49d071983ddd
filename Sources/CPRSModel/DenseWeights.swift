internal import CPRSCore
internal import CPRSTensors

/// A critic's weights as the checkpoint has them. Matrices stay where they are; only vectors are copied, to float32.
struct DenseWeights {
    /// One layer's weights.
    struct Layer {
        /// `[1, D]`, before attention.
        let attentionNorm: MatrixStorage
        /// `[H · HD, D]`.
        let query: WeightMatrix
        /// `[1, H · HD]`.
        let queryBias: MatrixStorage
        /// `[KV · HD, D]`.
        let key: WeightMatrix
        /// `[1, KV · HD]`.
        let keyBias: MatrixStorage
        /// `[KV · HD, D]`.
        let value: WeightMatrix
        /// `[1, KV · HD]`.
        let valueBias: MatrixStorage
        /// `[D, H · HD]`.
        let attentionOutput: WeightMatrix
        /// `[1, D]`, before the feed-forward block.
        let feedForwardNorm: MatrixStorage
        /// `[F, D]`.
        let gate: WeightMatrix
        /// `[F, D]`.
        let up: WeightMatrix
        /// `[D, F]`.
        let down: WeightMatrix
    }

    /// `[V, D]`; rows are widened when a token needs them.
    let embedding: TensorView
    let layers: [Layer]
    /// `[1, D]`.
    let finalNorm: MatrixStorage
    /// `[4, D]`.
    let labelHead: MatrixStorage
    /// `[1, 4]`.
    let labelBias: MatrixStorage
    /// `[V, D]`; nil when the checkpoint has none, and then there are no tag logits.
    let lmHead: TensorView?

    /// Takes what `config` asks for from `tensors`, which ``Qwen2Tensors/check(_:in:)`` has approved.
    ///
    /// - Throws: `invalidArgument` if memory for the vectors cannot be had.
    init(_ config: Qwen2Config, tensors: [String: TensorView]) throws(CPRSError) {
        let names = Qwen2Tensors(config)
        func view(_ spec: TensorSpec) -> TensorView {
            guard let tensor = tensors[spec.name] else { preconditionFailure("\(spec.name) was not checked") }
            return tensor
        }
        func vector(_ spec: TensorSpec) throws(CPRSError) -> MatrixStorage { try MatrixStorage(widening: view(spec)) }
        func linear(_ spec: TensorSpec) throws(CPRSError) -> WeightMatrix { try WeightMatrix(view(spec)) }

        self.embedding = view(names.embedding)
        self.finalNorm = try vector(names.finalNorm)
        self.labelHead = try vector(names.labelHead)
        self.labelBias = try vector(names.labelBias)
        self.lmHead = config.tiedEmbeddings ? view(names.embedding) : tensors[names.lmHead.name]
        var layers: [Layer] = []
        for layer in names.layers {
            layers.append(
                Layer(
                    attentionNorm: try vector(layer.attentionNorm),
                    query: try linear(layer.query), queryBias: try vector(layer.queryBias),
                    key: try linear(layer.key), keyBias: try vector(layer.keyBias),
                    value: try linear(layer.value), valueBias: try vector(layer.valueBias),
                    attentionOutput: try linear(layer.attentionOutput),
                    feedForwardNorm: try vector(layer.feedForwardNorm),
                    gate: try linear(layer.gate), up: try linear(layer.up), down: try linear(layer.down)))
        }
        self.layers = layers
    }

    /// Bytes of matrices that had to be copied; see ``WeightMatrix/copiedBytes``.
    var copiedBytes: Int {
        self.layers.reduce(0) { total, layer in
            let matrices = [
                layer.query, layer.key, layer.value, layer.attentionOutput, layer.gate, layer.up, layer.down,
            ]
            return total + matrices.reduce(0) { $0 + $1.copiedBytes }
        }
    }
}
