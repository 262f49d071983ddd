package import CPRSCore

extension Cprs_V1_KeptSpan {
    /// Offsets into the input.
    package var bytes: ByteRange {
        get { Int(clamping: self.start)..<max(Int(clamping: self.start), Int(clamping: self.end)) }
        set {
            self.start = UInt64(newValue.lowerBound)
            self.end = UInt64(newValue.upperBound)
        }
    }
}

extension Duration {
    /// Whole microseconds, as timings travel.
    package var microseconds: UInt64 { UInt64(max(0, self.seconds * 1e6)) }
}
