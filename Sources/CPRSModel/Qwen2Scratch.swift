internal import CPRSCore
internal import CPRSTensors
internal import Glibc

/// The memory that a forward pass and the heads work in, allocated once for the largest window or batch. What lies
/// between the steps of a layer is the backend's.
///
/// Pages that no window has reached yet cost nothing.
final class Qwen2Scratch {
    /// Tags whose LM head rows are gathered together.
    static let tagBlock = 32

    /// W, the most rows of a batch.
    let rows: Int
    /// `[W, D]`, the residual stream.
    let residual: MatrixStorage
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
    /// - Throws: `invalidArgument` if there is no memory for `rows` tokens.
    init(_ config: Qwen2Config, rows: Int) throws(CPRSError) {
        func storage(_ rows: Int, _ columns: Int) throws(CPRSError) -> MatrixStorage {
            try MatrixStorage(rows: rows, columns: columns, purpose: "a window of \(rows) tokens")
        }
        self.rows = rows
        self.residual = try storage(rows, config.width)
        self.labelLogits = try storage(rows, BIOE.allCases.count)
        self.tagRows = try storage(Self.tagBlock, config.width)
        self.tagLogits = try storage(rows, Self.tagBlock)
        self.cosine = try storage(rows, config.headWidth / 2)
        self.sine = try storage(rows, config.headWidth / 2)
        self.headWidth = config.headWidth
        self.fillRotation(theta: config.ropeTheta)
    }

    /// Rotary tables of some positions of a window.
    func rotation(_ positions: Range<Int>) -> Rotation {
        Rotation(
            cosine: self.cosine.matrix.rows(positions), sine: self.sine.matrix.rows(positions),
            headWidth: self.headWidth)
    }

    private func fillRotation(theta: Double) {
        for index in 0..<self.headWidth / 2 {
            // Rounded to float32 where PyTorch rounds, because models are trained with those angles.
            let frequency = Float(1 / pow(theta, Double(2 * index) / Double(self.headWidth)))
            for position in 0..<self.rows {
                let angle = Double(Float(position) * frequency)
                self.cosine.matrix[position, index] = Float(cos(angle))
                self.sine.matrix[position, index] = Float(sin(angle))
            }
        }
    }
}
