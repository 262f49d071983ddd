internal import CPRSCore
internal import CPRSTensors
internal import Glibc

/// The memory that a forward pass works in, allocated once for the largest window.
///
/// It grows with the window's length, never with its square. Pages that no window has reached yet cost nothing.
final class Qwen2Scratch {
    /// Rows that go through the feed-forward block together: its inner width is the largest, so it is not kept for a
    /// whole window.
    static let feedForwardRows = 2048
    /// Tags whose LM head rows are gathered together.
    static let tagBlock = 32

    /// W, the most tokens in a window.
    let windowTokens: Int
    /// `[W, D]`, the residual stream.
    let residual: MatrixStorage
    /// `[W, D]`, normalised input of the next step.
    let normed: MatrixStorage
    /// `[W, H · HD]`.
    let queries: MatrixStorage
    /// `[W, KV · HD]`.
    let keys: MatrixStorage
    /// `[W, KV · HD]`.
    let values: MatrixStorage
    /// `[W, H · HD]`.
    let attended: MatrixStorage
    /// `[min(W, feedForwardRows), F]`.
    let gated: MatrixStorage
    /// `[W, 4]`.
    let labelLogits: MatrixStorage
    /// `[tagBlock, D]`.
    let tagRows: MatrixStorage
    /// `[W, tagBlock]`.
    let tagLogits: MatrixStorage
    /// `[W, HD / 2]`, cosine of position p's angle i.
    private let cosine: MatrixStorage
    /// `[W, HD / 2]`, sine of position p's angle i.
    private let sine: MatrixStorage
    private let headWidth: Int

    /// Reserves everything and fills the rotary tables.
    ///
    /// - Throws: `invalidArgument` if there is no memory for `windowTokens` tokens.
    init(_ config: Qwen2Config, windowTokens: Int) throws(CPRSError) {
        func storage(_ rows: Int, _ columns: Int) throws(CPRSError) -> MatrixStorage {
            try MatrixStorage(rows: rows, columns: columns, purpose: "a window of \(windowTokens) tokens")
        }
        self.windowTokens = windowTokens
        self.residual = try storage(windowTokens, config.width)
        self.normed = try storage(windowTokens, config.width)
        self.queries = try storage(windowTokens, config.queryWidth)
        self.keys = try storage(windowTokens, config.keyWidth)
        self.values = try storage(windowTokens, config.keyWidth)
        self.attended = try storage(windowTokens, config.queryWidth)
        self.gated = try storage(min(windowTokens, Self.feedForwardRows), config.feedForwardWidth)
        self.labelLogits = try storage(windowTokens, BIOE.allCases.count)
        self.tagRows = try storage(Self.tagBlock, config.width)
        self.tagLogits = try storage(windowTokens, Self.tagBlock)
        self.cosine = try storage(windowTokens, config.headWidth / 2)
        self.sine = try storage(windowTokens, config.headWidth / 2)
        self.headWidth = config.headWidth
        self.fillRotation(theta: config.ropeTheta)
    }

    /// Rotary tables of the window's first `count` positions.
    func rotation(_ count: Int) -> Rotation {
        Rotation(
            cosine: self.cosine.matrix.rows(0..<count), sine: self.sine.matrix.rows(0..<count),
            headWidth: self.headWidth)
    }

    private func fillRotation(theta: Double) {
        for index in 0..<self.headWidth / 2 {
            // Rounded to float32 where PyTorch rounds, because models are trained with those angles.
            let frequency = Float(1 / pow(theta, Double(2 * index) / Double(self.headWidth)))
            for position in 0..<self.windowTokens {
                let angle = Double(Float(position) * frequency)
                self.cosine.matrix[position, index] = Float(cos(angle))
                self.sine.matrix[position, index] = Float(sin(angle))
            }
        }
    }
}
