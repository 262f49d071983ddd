package import CPRSCore
internal import CPRSEngine
internal import CPRSModel
internal import CPRSTensors

/// Proves that an opened model computes what it should before anybody is served by it.
///
/// A model may hold `cprs_selfcheck.json`: a text, a question, and what the model says about each of its tokens. A
/// folder's was recorded in float32; `cprs pack` records another in the file's own precision. Every model, with or without
/// a vector, must give finite numbers and twice the same ones.
package enum SelfCheck {
    /// What was compared.
    package struct Outcome: Sendable {
        /// Tokens of the text.
        package var tokens: Int
        /// Whether recorded values were compared; otherwise only finiteness and repeatability were.
        package var isGolden: Bool
        /// Largest difference of P(kept) from the recorded values; 0 without any.
        package var worst: Float
    }

    /// Asked of a model without a vector.
    package static let defaultText = (
        query: "Where does Sherlock Holmes live?",
        text: "It was raining in London. Holmes lived at 221B Baker Street, on the second floor. Watson had gone out.\n"
    )

    /// - Throws: `modelUnusable` with the first token that differs, expected and received.
    package static func run(_ model: LoadedModel) throws(CPRSError) -> Outcome {
        let golden = try Vector(of: model.source)
        let query = golden?.query ?? Self.defaultText.query
        let text = golden?.text ?? Self.defaultText.text
        let computed = try Self.compute(model, query: query, text: text)
        let again = try Self.compute(model, query: query, text: text)
        let path = model.source.path
        guard computed.kept.elementsEqual(again.kept, by: { $0.bitPattern == $1.bitPattern }) else {
            throw CPRSError(code: .modelUnusable, message: "\(path): the same text was scored twice, differently")
        }
        guard let golden else {
            return Outcome(tokens: computed.kept.count, isGolden: false, worst: 0)
        }
        let tolerance = golden.tolerance(for: model.critic.precision)
        return Outcome(
            tokens: computed.kept.count, isGolden: true,
            worst: try Self.compare(computed, golden, tolerance: tolerance, path: path))
    }

    /// The vector that a packed file of this model should hold; nil if the model has none.
    ///
    /// - Parameter model: in the file's precision.
    /// - Throws: `modelUnusable` if it fails its own check.
    static func recorded(by model: LoadedModel) throws(CPRSError) -> Vector? {
        guard let golden = try Vector(of: model.source) else { return nil }
        _ = try Self.run(model)
        return try Self.compute(model, query: golden.query, text: golden.text)
    }

    /// What the model says about a short text; at most one window of it.
    ///
    /// - Throws: what the critic throws; a logit that is not finite is `modelUnusable`.
    package static func compute(_ model: LoadedModel, query: String, text: String) throws(CPRSError) -> Vector {
        var request = CompressionRequest(preset: model.preset(Preset.fact.name) ?? .fact, query: query)
        // The critic is what is checked.
        request.matchesWords = false
        var session = try model.session(for: request)
        try session.append(Array(text.utf8))
        try session.finishInput()
        guard let window = session.nextWindow() else {
            throw CPRSError(code: .internal, message: "the self-check's text gave no window")
        }
        let output = try model.critic.score(window.input)
        var vector = Vector(query: query, text: text, precision: model.critic.precision)
        for (index, id) in window.input.context.enumerated() {
            let scored = output.scored(index, token: Token(id: id, bytes: 0..<0), tagCount: 0, outsideTag: nil)
            vector.labels.append(scored.label.letter)
            vector.kept.append(scored.score)
            let logits = output.labelLogits[index * 4..<index * 4 + 4].sorted()
            vector.leads.append(logits[3] - logits[2])
        }
        return vector
    }

    private static func compare(
        _ computed: Vector, _ golden: Vector, tolerance: Float, path: String
    ) throws(CPRSError) -> Float {
        guard computed.kept.count == golden.kept.count, golden.labels.count == golden.kept.count else {
            throw CPRSError(
                code: .modelUnusable,
                message: "\(path)/\(Vector.fileName): \(golden.kept.count) tokens were recorded, this tokenizer makes "
                    + "\(computed.kept.count)")
        }
        var worst: Float = 0
        let labels = zip(golden.labels, computed.labels).enumerated()
        for (index, (expected, received)) in labels {
            let difference = abs(computed.kept[index] - golden.kept[index])
            worst = max(worst, difference)
            // Where two labels are all but equal, a rounding may tip them.
            let isNearTie = computed.leads[index] < 4 * tolerance
            guard difference <= tolerance, expected == received || isNearTie else {
                throw CPRSError(
                    code: .modelUnusable,
                    message: "\(path)/\(Vector.fileName): token \(index) must be \(expected) with P(kept) "
                        + "\(golden.kept[index]) within \(tolerance) (got \(received), \(computed.kept[index]))")
            }
        }
        return worst
    }
}
