internal import CPRSCore
internal import CPRSTensors

/// The linear layers in one precision; the seam at which faster kernels replace the float32 reference.
///
/// A backend prepares each weight once and then offers the four steps in which a Qwen2 layer touches weights. Each step
/// is one phase on the pool and takes what can be fused with its product: the bias and the rotation, the gated
/// activation, the residual. Activations between steps are float32, one row per token, so rows of several windows may
/// go through a step together: no step knows about windows.
protocol LinearBackend {
    /// A weight `[N, K]` in the form that this backend multiplies by.
    associatedtype Linear

    /// Prepares a checkpoint's matrix.
    ///
    /// - Throws: `invalidArgument` if it needs memory that cannot be had.
    func prepare(_ tensor: TensorView) throws(CPRSError) -> Linear

    /// out = RMSNorm(x) · weight, row by row; all `[R, D]`. A step here because a backend that quantises its inputs
    /// does so while it normalises.
    func normalise(_ x: Matrix, weight: Matrix, epsilon: Float, into out: Matrix)

    /// Computes three independent projections in one phase.
    func project(_ projections: [3 of Projection<Linear>])

    /// out = silu(x · gateᵀ) · (x · upᵀ); x `[R, D]`, out `[R, F]`.
    func gatedProjection(_ x: Matrix, gate: Linear, up: Linear, into out: Matrix)

    /// residual += x · wᵀ; x `[R, K]`, residual `[R, N]`.
    func addProjection(_ x: Matrix, by weight: Linear, to residual: Matrix)
}

/// out = input · weightᵀ + bias, then rotated by position if `rotation` is given.
struct Projection<Linear> {
    /// `[R, K]`.
    var input: Matrix
    /// `[N, K]`.
    var weight: Linear
    /// `[1, N]`.
    var bias: Matrix
    /// Rotary tables for the same rows.
    var rotation: Rotation?
    /// `[R, N]`.
    var output: Matrix
}

/// Rotary embedding of some rows.
struct Rotation {
    /// `[R, HD / 2]`.
    var cosine: Matrix
    /// `[R, HD / 2]`.
    var sine: Matrix
    /// HD.
    var headWidth: Int

    /// The tables of some of the rows.
    func rows(_ range: Range<Int>) -> Rotation {
        Rotation(cosine: self.cosine.rows(range), sine: self.sine.rows(range), headWidth: self.headWidth)
    }
}
