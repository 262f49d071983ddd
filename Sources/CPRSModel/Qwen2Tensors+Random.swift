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
        for spec in self.required + (config.tiedEmbeddings ? [] : [self.lmHead]) {
            tensors[spec.name] = try self.random(spec, type: type, seed: seed, pool: pool)
        }
        return tensors
    }

    /// One of those tensors alone.
    func random(
        _ spec: TensorSpec, type: ElementType, seed: UInt64, pool: ComputePool
    ) throws(CPRSError) -> TensorView {
        let index = (self.required + [self.lmHead]).firstIndex(of: spec) ?? 0
        // Uniform values of this scale have a variance of 1 / inputs; vectors are near 1 in size.
        let inputs = spec.shape.count == 2 ? spec.shape[1] : 3
        return try TensorView.random(
            name: spec.name, type: type, shape: spec.shape, seed: seed &+ UInt64(index) &* 0x9E37_79B9,
            scale: (3 / Float(inputs)).squareRoot(), pool: pool)
    }
}
