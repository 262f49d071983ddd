internal import CCPRSKernels
package import CPRSCore

extension TensorView {
    /// A tensor of uniform values in `-scale..<scale` in memory of its own; the same for any thread count.
    ///
    /// - Throws: `invalidArgument` if there is no memory for it.
    package static func random(
        name: String, type: ElementType, shape: [Int], seed: UInt64, scale: Float, pool: ComputePool
    ) throws(CPRSError) -> TensorView {
        precondition(type != .f16, "random tensors are F32 or BF16")
        let count = shape.reduce(1, *)
        let memory = try OwnedMemory(byteCount: count * type.bytes, purpose: "random \(name)")
        let block = 1 << 18
        pool.run((count + block - 1) / block) { index, _ in
            let first = index * block
            let length = min(block, count - first)
            if type == .f32 {
                let start = memory.base.assumingMemoryBound(to: Float.self) + first
                cprs_random_f32(start, length, seed, UInt64(first), scale)
            } else {
                let start = memory.base.assumingMemoryBound(to: UInt16.self) + first
                cprs_random_bf16(start, length, seed, UInt64(first), scale)
            }
        }
        let bytes = UnsafeRawBufferPointer(start: memory.base, count: count * type.bytes)
        return TensorView(name: name, type: type, shape: shape, bytes: bytes, memory: memory)
    }
}
