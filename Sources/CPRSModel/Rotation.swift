internal import CPRSTensors

/// Rotary tables of consecutive positions.
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
