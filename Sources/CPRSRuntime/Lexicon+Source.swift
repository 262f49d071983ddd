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
    /// Coefficients beyond this are a mistake: features are sums of a few dozen at most.
    private static let maxWeight = 1000.0

    /// Checks `cprs_lexical`: every field is a number and required.
    ///
    /// - Throws: `modelUnusable` naming the field, its allowed range and the value.
    init(json: JSONValue, name: String) throws(CPRSError) {
        guard let object = json.object else {
            throw CPRSError(code: .modelUnusable, message: "\(name) must be an object")
        }
        func number(_ key: String, in range: ClosedRange<Double>) throws(CPRSError) -> Double {
            guard let value = object[key]?.number else {
                throw CPRSError(code: .modelUnusable, message: "\(name).\(key) is missing or not a number")
            }
            guard range.contains(value) else {
                throw CPRSError(
                    code: .modelUnusable,
                    message: "\(name).\(key) must be in \(range.lowerBound)...\(range.upperBound) (got \(value))")
            }
            return value
        }
        func weight(_ key: String) throws(CPRSError) -> Double {
            try number(key, in: -Self.maxWeight...Self.maxWeight)
        }
        self.init(
            bias: try weight("bias"), critic: try weight("critic"), best: try weight("best"),
            covered: try weight("covered"), complete: try weight("complete"), nearby: try weight("nearby"),
            key: try weight("key"), format: try weight("format"), length: try weight("length"),
            decay: try number("decay", in: 0...1), threshold: Float(try number("threshold", in: 0...1)))
    }
}
