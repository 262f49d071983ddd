internal import CPRSCore
internal import CPRSEngine
internal import CPRSModel
internal import CPRSRuntime
internal import CPRSTensors

/// Proves that an opened model computes what it should before anybody is served by it.
///
/// A model may hold `cprs_selfcheck.json`: a text, a question, and what the model says about each of its tokens.
/// Every model, with or without the file, must give finite numbers and twice the same ones.
enum SelfCheck {
    /// What was compared.
    struct Outcome: Sendable {
        /// Tokens of the text.
        var tokens: Int
        /// Whether recorded values were compared; otherwise only finiteness and repeatability were.
        var isGolden: Bool
        /// Largest difference of P(kept) from the recorded values; 0 without any.
        var worst: Float
    }

    /// What a model says about each token of a text.
    struct Vector: Sendable {
        var query: String
        var text: String
        /// The most probable label of each token.
        var labels: String
        /// P(kept) = 1 - P(outside) of each token.
        var kept: [Float]
        /// Largest difference of `kept` that passes, and four times the largest mean difference; a label may differ only
        /// where it leads by less than twice this.
        var tolerance: Float
        /// By how much each label's logit leads the next one's; computed, not recorded.
        var leads: [Float] = []
    }

    /// Name of the vector's file in a model folder.
    static let fileName = "cprs_selfcheck.json"

    /// Asked of a model without a vector.
    static let defaultText = (
        query: "Where does Sherlock Holmes live?",
        text: "It was raining in London. Holmes lived at 221B Baker Street, on the second floor. Watson had gone out.\n"
    )

    /// - Throws: `modelUnusable` with the first token that differs, expected and received.
    static func run(_ model: LoadedModel, path: String) throws(CPRSError) -> Outcome {
        var golden = try Self.vector(of: model.source)
        // The vector was recorded in f32.
        golden?.tolerance *= model.critic.precision.slack
        let query = golden?.query ?? Self.defaultText.query
        let text = golden?.text ?? Self.defaultText.text
        let computed = try Self.compute(model, query: query, text: text)
        let again = try Self.compute(model, query: query, text: text)
        guard computed.kept.elementsEqual(again.kept, by: { $0.bitPattern == $1.bitPattern }) else {
            throw CPRSError(code: .modelUnusable, message: "\(path): the same text was scored twice, differently")
        }
        guard let golden else {
            return Outcome(tokens: computed.kept.count, isGolden: false, worst: 0)
        }
        return Outcome(
            tokens: computed.kept.count, isGolden: true, worst: try Self.compare(computed, golden, path: path))
    }

    /// What the model says about a short text; at most one window of it.
    ///
    /// - Throws: what the critic throws; a logit that is not finite is `modelUnusable`.
    static func compute(_ model: LoadedModel, query: String, text: String) throws(CPRSError) -> Vector {
        let preset = model.preset(Preset.fact.name) ?? .fact
        var session = try model.session(for: CompressionRequest(preset: preset, query: query))
        try session.append(Array(text.utf8))
        try session.finishInput()
        guard let window = session.nextWindow() else {
            throw CPRSError(code: .internal, message: "the self-check's text gave no window")
        }
        let output = try model.critic.score(window.input)
        var vector = Vector(query: query, text: text, labels: "", kept: [], tolerance: 0.02)
        for (index, id) in window.input.context.enumerated() {
            let scored = output.scored(index, token: Token(id: id, bytes: 0..<0), tagCount: 0, outsideTag: nil)
            vector.labels.append(scored.label.letter)
            vector.kept.append(scored.score)
            let logits = output.labelLogits[index * 4..<index * 4 + 4].sorted()
            vector.leads.append(logits[3] - logits[2])
        }
        return vector
    }

    private static func compare(_ computed: Vector, _ golden: Vector, path: String) throws(CPRSError) -> Float {
        guard computed.kept.count == golden.kept.count, golden.labels.count == golden.kept.count else {
            throw CPRSError(
                code: .modelUnusable,
                message: "\(path)/\(Self.fileName): \(golden.kept.count) tokens were recorded, this tokenizer makes "
                    + "\(computed.kept.count)")
        }
        var worst: Float = 0
        let labels = zip(golden.labels, computed.labels).enumerated()
        for (index, (expected, received)) in labels {
            let difference = abs(computed.kept[index] - golden.kept[index])
            worst = max(worst, difference)
            // Where two labels are all but equal, a rounding may tip them.
            let isNearTie = computed.leads[index] < 2 * golden.tolerance
            guard difference <= golden.tolerance, expected == received || isNearTie else {
                throw CPRSError(
                    code: .modelUnusable,
                    message: "\(path)/\(Self.fileName): token \(index) must be \(expected) with P(kept) "
                        + "\(golden.kept[index]) within \(golden.tolerance) (got \(received), \(computed.kept[index]))")
            }
        }
        let sum = zip(computed.kept, golden.kept).reduce(0) { $0 + abs($1.0 - $1.1) }
        let mean = sum / Float(max(1, golden.kept.count))
        guard mean <= golden.tolerance / 4 else {
            throw CPRSError(
                code: .modelUnusable,
                message: "\(path)/\(Self.fileName): P(kept) must differ by at most \(golden.tolerance / 4) in the mean "
                    + "(got \(mean))")
        }
        return worst
    }
}

extension Precision {
    /// How many times the tolerance of f32 its roundings may take.
    ///
    /// Measured on the default model's vector, whose tolerance is 0.02: bf16 differs by up to 0.04 and by 0.008 in the
    /// mean, int8 by up to 0.25 and by 0.04 in the mean.
    fileprivate var slack: Float {
        switch self {
        case .f32: 1
        case .bf16: 4
        case .int8: 16
        }
    }
}
