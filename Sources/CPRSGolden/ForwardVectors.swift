internal import CPRSCore
internal import CPRSJSON
internal import CPRSModel
internal import CPRSTensors

/// Recorded logits of both heads. In f32 every difference is within a tolerance and every label equal where it is not a
/// near tie; in bf16 and int8 each window's logits are within a relative error.
struct ForwardVectors {
    let folder: String
    let threads: Int
    let precision: Precision

    /// f32: largest absolute difference of a logit; another order of summation.
    static let tolerance: Float = 2e-3
    /// f32: labels may differ where the two best recorded logits are closer than this.
    static let nearTie: Float = 2 * Self.tolerance
    /// bf16: largest ‖got - recorded‖ / ‖recorded‖ of a window's logits.
    ///
    /// Twice the largest of this build's kernels over all vectors, 0.018. The recorded models are small and random, which
    /// is hard on rounding: no direction of their states is stronger than the noise.
    static let bf16Tolerance: Float = 0.04
    /// int8: the same; the largest is 0.094.
    static let int8Tolerance: Float = 0.2

    func check() throws(CPRSError) -> GoldenReport {
        var report = GoldenReport(family: "forward")
        var largest: Float = 0
        var open: (name: String, critic: Qwen2Critic)?
        for (index, record) in try VectorFile.records(self.folder + "/forward.jsonl").enumerated() {
            let name = try record.text("model")
            let critic: Qwen2Critic
            if let open, open.name == name {
                critic = open.critic
            } else {
                critic = try Qwen2Critic(
                    folder: self.folder + "/" + name, threads: self.threads, packing: Packing(self.precision))
                open = (name, critic)
            }
            let (miss, error) = try self.compare(record, critic)
            // A NaN compares false with everything; it must not pass for a small error.
            largest = error.isNaN || largest.isNaN ? .nan : max(largest, error)
            report.record(miss: miss.map { "line \(index + 1) (\(name)): \($0)" })
        }
        report.largestError = largest
        report.errorIsRelative = self.precision != .f32
        return report
    }

    private func compare(_ record: JSONObject, _ critic: Qwen2Critic) throws(CPRSError) -> (String?, Float) {
        let window = CriticWindow(
            prompt: try record.tokenIDs("prompt_ids"),
            context: try record.tokenIDs("context_ids"),
            tags: try record.tokenIDs("tag_token_ids"))
        let logits = try VectorFile.floats(self.folder + "/" + record.text("logits_file"))
        let tagLogits = try VectorFile.floats(self.folder + "/" + record.text("tag_logits_file"))
        let output = try critic.score(window)
        guard output.labelLogits.count == logits.count, output.tagLogits.count == tagLogits.count,
            logits.count == 4 * window.context.count
        else {
            return (
                "\(logits.count) and \(tagLogits.count) logits, got \(output.labelLogits.count) and \(output.tagLogits.count)",
                .nan
            )
        }
        guard self.precision == .f32 else {
            let error = Self.relativeError(
                expected: logits + tagLogits, got: output.labelLogits + output.tagLogits)
            let tolerance = self.precision == .bf16 ? Self.bf16Tolerance : Self.int8Tolerance
            return (error <= tolerance ? nil : "relative error \(error), at most \(tolerance)", error)
        }
        let worst = Self.worst(expected: logits + tagLogits, got: output.labelLogits + output.tagLogits)
        guard worst.error <= Self.tolerance else {
            return ("logit \(worst.index): \(worst.expected), got \(worst.got)", worst.error)
        }
        let labels = try record.labels("labels")
        guard labels.count == window.context.count else { return ("\(labels.count) labels", .nan) }
        for (token, label) in labels.enumerated() {
            let expected = logits[token * 4..<token * 4 + 4].sorted(by: >)
            let got = output.scored(token, token: Token(id: 0, bytes: 0..<0), tagCount: 0, outsideTag: nil).label
            if expected[0] - expected[1] > Self.nearTie, got != label {
                return ("label of token \(token): \(label.letter), got \(got.letter)", worst.error)
            }
        }
        return (nil, worst.error)
    }

    private static func relativeError(expected: [Float], got: [Float]) -> Float {
        let error = zip(expected, got).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        return (error / expected.reduce(0) { $0 + $1 * $1 }).squareRoot()
    }

    private static func worst(
        expected: [Float], got: [Float]
    ) -> (index: Int, expected: Float, got: Float, error: Float) {
        var worst = (index: 0, expected: Float(0), got: Float(0), error: Float(0))
        for index in expected.indices {
            let error = abs(expected[index] - got[index])
            if !(error <= worst.error) { worst = (index, expected[index], got[index], error) }
        }
        return worst
    }
}
