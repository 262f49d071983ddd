package import CPRSCore
internal import CPRSJSON
package import CPRSModel
package import CPRSSegmentation
internal import CPRSTensors

extension Lexicon {
    /// Beside the checkpoint: tensors `class`, `idf`, `shape`, `spelling` and `letters`, `[V]`, one row per token id.
    private static let file = "cprs_lexicon"

    /// Reads what a model brings for word matching; nil if its config has no `cprs_lexical`.
    ///
    /// `tasks` in it has the same fields for single presets, by their names.
    ///
    /// - Parameters:
    ///   - config: the model's.
    ///   - vocabularySize: ids of the model's tokenizer; the table needs a row for each.
    /// - Throws: `modelUnusable`, naming the file, the field, its allowed values and the one found.
    package init?(_ source: ModelSource, config: Qwen2Config, vocabularySize: Int) throws(CPRSError) {
        guard let value = config.lexical else { return nil }
        let name = "\(source.path): \(ModelSource.FileName.config): cprs_lexical"
        let weights = try LexicalWeights(json: value, name: name)
        var tasks: [String: LexicalWeights] = [:]
        if let members = value.object?["tasks"]?.object {
            for task in members.keys {
                tasks[task] = try LexicalWeights(json: members[task] ?? .null, name: "\(name).tasks.\(task)")
            }
        }

        let path = "\(source.path): \(Self.file).safetensors"
        let tensors = try source.extraTensors(Self.file)
        func column(_ name: String) throws(CPRSError) -> [Float] {
            guard let tensor = tensors[name]?.view else {
                throw CPRSError(code: .modelUnusable, message: "\(path): tensor \(name) is missing or holds no numbers")
            }
            guard tensor.shape == [vocabularySize] else {
                throw CPRSError(
                    code: .modelUnusable,
                    message:
                        "\(path): \(name) must have a row per token, the shape [\(vocabularySize)] (got \(tensor.shape))"
                )
            }
            return tensor.floats()
        }
        let table = try LexicalTable(
            classes: column("class"), idf: column("idf"), shapes: column("shape"), spellings: column("spelling"),
            letters: column("letters"), name: path)
        self.init(table: table, weights: weights, tasks: tasks)
    }
}

extension LexicalWeights {
    /// Checks `cprs_lexical`: every field is a number and required, but for `feedback`, which may be absent and has an object
    /// of such fields for each granularity that it is about.
    ///
    /// - Throws: `modelUnusable` naming the field, its allowed range and the value.
    init(json: JSONValue, name: String) throws(CPRSError) {
        let fields = try WeightFields(json, name: name)
        let feedback = json.object?["feedback"] ?? .null
        self.init(
            bias: try fields.weight("bias"), critic: try fields.weight("critic"), best: try fields.weight("best"),
            covered: try fields.weight("covered"), complete: try fields.weight("complete"),
            nearby: try fields.weight("nearby"), key: try fields.weight("key"), format: try fields.weight("format"),
            length: try fields.weight("length"), decay: try fields.number("decay", in: 0...1),
            threshold: Float(try fields.number("threshold", in: 0...1)),
            feedback: feedback.isNull ? [:] : try FeedbackWeights.byGranularity(feedback, name: "\(name).feedback"))
    }
}

extension FeedbackWeights {
    fileprivate static func byGranularity(
        _ json: JSONValue, name: String
    ) throws(CPRSError) -> [Granularity: FeedbackWeights] {
        guard let object = json.object else {
            throw CPRSError(code: .modelUnusable, message: "\(name) must be an object")
        }
        var weights: [Granularity: FeedbackWeights] = [:]
        for key in object.keys {
            guard let granularity = Granularity(rawValue: key) else {
                let known = Granularity.allCases.map(\.rawValue).joined(separator: ", ")
                throw CPRSError(
                    code: .modelUnusable, message: "\(name) has fields for granularities, \(known) (got \(key))")
            }
            weights[granularity] = try FeedbackWeights(json: object[key] ?? .null, name: "\(name).\(key)")
        }
        return weights
    }

    private init(json: JSONValue, name: String) throws(CPRSError) {
        let fields = try WeightFields(json, name: name)
        self.init(
            bias: try fields.weight("bias"), score: try fields.weight("score"), shared: try fields.weight("shared"),
            further: try fields.weight("further"), beside: try fields.weight("beside"),
            passage: try fields.weight("passage"), reach: try fields.number("reach", in: 1...100_000))
    }
}

/// The members of an object of numbers, with errors that name the field.
private struct WeightFields {
    /// Coefficients beyond this are a mistake: features are sums of a few dozen at most.
    private static let maxWeight = 1000.0

    private let object: JSONObject
    private let name: String

    init(_ json: JSONValue, name: String) throws(CPRSError) {
        guard let object = json.object else {
            throw CPRSError(code: .modelUnusable, message: "\(name) must be an object")
        }
        self.object = object
        self.name = name
    }

    func number(_ key: String, in range: ClosedRange<Double>) throws(CPRSError) -> Double {
        guard let value = self.object[key]?.number else {
            throw CPRSError(code: .modelUnusable, message: "\(self.name).\(key) is missing or not a number")
        }
        guard range.contains(value) else {
            throw CPRSError(
                code: .modelUnusable,
                message:
                    "\(self.name).\(key) must be in \(range.lowerBound)...\(range.upperBound) (got \(value))")
        }
        return value
    }

    func weight(_ key: String) throws(CPRSError) -> Double {
        try self.number(key, in: -Self.maxWeight...Self.maxWeight)
    }
}
