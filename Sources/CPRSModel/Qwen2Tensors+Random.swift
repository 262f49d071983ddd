internal import CPRSCore
internal import CPRSTensors

extension Qwen2Tensors {
    /// Random tensors of every role, scaled so that activations keep their size through the layers.
    ///
    /// - Throws: `invalidArgument` if there is no memory for them.
    func random(
        _ config: Qwen2Config, type: ElementType, seed: UInt64, pool: ComputePool
    ) throws(CPRSError) -> [String: TensorView] {
        var tensors: [String: TensorView] = [:]
        for (index, spec) in (self.required + (config.tiedEmbeddings ? [] : [self.lmHead])).enumerated() {
            // Uniform values of this scale have a variance of 1 / inputs; vectors are near 1 in size.
            let inputs = spec.shape.count == 2 ? spec.shape[1] : 3
            let scale = (3 / Float(inputs)).squareRoot()
            tensors[spec.name] = try TensorView.random(
                name: spec.name, type: type, shape: spec.shape, seed: seed &+ UInt64(index) &* 0x9E37_79B9,
                scale: scale,
                pool: pool)
        }
        return tensors
    }
}
