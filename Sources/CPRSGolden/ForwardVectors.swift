internal import CPRSCore
internal import CPRSJSON
internal import CPRSModel
internal import CPRSTensors

/// Recorded logits of both heads: every difference within the precision's tolerance, every label equal where it is not
/// a near tie.
struct ForwardVectors {
    let folder: String
    let threads: Int
    let precision: Precision

    /// Labels may differ where the two best recorded logits are closer than this.
    private var nearTie: Float { 2 * self.precision.logitTolerance }

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
                critic = try Qwen2Critic(folder: self.folder + "/" + name, threads: self.threads, precision: self.precision)
                open = (name, critic)
            }
            let (miss, error) = try self.compare(record, critic)
            // A NaN compares false with everything; it must not pass for a small error.
            largest = error.isNaN || largest.isNaN ? .nan : max(largest, error)
            report.record(miss: miss.map { "line \(index + 1) (\(name)): \($0)" })
        }
        report.largestError = largest
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
        let worst = Self.worst(expected: logits + tagLogits, got: output.labelLogits + output.tagLogits)
        guard worst.error <= self.precision.logitTolerance else {
            return ("logit \(worst.index): \(worst.expected), got \(worst.got)", worst.error)
        }
        let labels = try record.labels("labels")
        guard labels.count == window.context.count else { return ("\(labels.count) labels", .nan) }
        for (token, label) in labels.enumerated() {
            let expected = logits[token * 4..<token * 4 + 4].sorted(by: >)
            let got = output.scored(token, token: Token(id: 0, bytes: 0..<0), tagCount: 0, outsideTag: nil).label
            if expected[0] - expected[1] > self.nearTie, got != label {
                return ("label of token \(token): \(label.letter), got \(got.letter)", worst.error)
            }
        }
        return (nil, worst.error)
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

extension Precision {
    /// Largest absolute difference of a logit from the recorded one; the vectors' logits are of size 1.
    ///
    /// f32 sums in another order than the recording. bf16 and int8 round weights and activations: about three times the
    /// largest error of this build over all vectors.
    var logitTolerance: Float {
        switch self {
        case .f32: 2e-3
        case .bf16: 0.1
        case .int8: 0.5
        }
    }
}
