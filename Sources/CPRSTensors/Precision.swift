/// The arithmetic of a critic's linear layers.
package enum Precision: String, Hashable, Sendable, CaseIterable {
    /// float32 on OpenBLAS: the reference.
    case f32
    /// bfloat16 weights and activations, sums in float32.
    case bf16
    /// int8 weights, one scale per output or per group of inputs; int8 activations, one scale per token and group; sums
    /// in int32.
    case int8
}
