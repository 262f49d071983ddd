internal import CPRSCore
internal import CPRSEngine

extension CompressionSummary {
    /// The figures in one line for a person.
    var sentence: String {
        let share = self.contextTokens == 0 ? 0 : 100 * Double(self.keptTokens) / Double(self.contextTokens)
        let seconds = self.elapsed.seconds
        let ratio = self.keptTokens == 0 ? "" : ", \(Format.fixed(self.ratio, 1))x smaller"
        let speed = Format.grouped(seconds > 0 ? Int(Double(self.contextTokens) / seconds) : 0)
        return "kept \(Format.grouped(self.keptTokens)) of \(Format.grouped(self.contextTokens)) tokens "
            + "(\(Format.fixed(share, 2))%\(ratio)) in \(self.keptSpans) spans; "
            + "\(Format.grouped(self.windows)) windows, \(Format.fixed(seconds, 2)) s, \(speed) tokens/s"
    }
}
