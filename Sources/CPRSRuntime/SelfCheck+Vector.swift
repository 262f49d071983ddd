internal import CPRSCore
internal import CPRSJSON
package import CPRSTensors

extension SelfCheck {
    /// What a model says about each token of a text.
    package struct Vector: Sendable {
        package var query: String
        package var text: String
        /// In what arithmetic.
        package var precision: Precision
        /// The most probable label of each token.
        package var labels = ""
        /// P(kept) = 1 - P(outside) of each token.
        package var kept: [Float] = []
        /// Largest difference of `kept` that passes in the same precision, on other instruction sets too.
        package var tolerance: Float = 0.02
        /// By how much each label's logit leads the next one's; computed, not recorded.
        var leads: [Float] = []

        init(query: String, text: String, precision: Precision) {
            self.query = query
            self.text = text
            self.precision = precision
        }
    }
}

extension SelfCheck.Vector {
    /// Name of the vector's file in a model folder.
    static let fileName = "cprs_selfcheck.json"

    /// Largest difference of P(kept) that passes for a model in `precision`.
    func tolerance(for precision: Precision) -> Float {
        precision == self.precision ? self.tolerance : max(self.tolerance, precision.tolerance)
    }

    /// Reads a model's vector; nil if there is none.
    ///
    /// - Throws: `modelUnusable` naming the key that is missing or of the wrong type.
    init?(of source: ModelSource) throws(CPRSError) {
        let path = source.path + "/" + Self.fileName
        func failure(_ key: String, _ kind: String) -> CPRSError {
            CPRSError(code: .modelUnusable, message: "\(path): \"\(key)\" must be \(kind)")
        }
        guard let bytes = try source.file(Self.fileName) else { return nil }
        guard let object = try JSONValue(bytes, name: path).object else {
            throw CPRSError(code: .modelUnusable, message: "\(path): must be an object")
        }
        func string(_ key: String) throws(CPRSError) -> String {
            guard let text = object[key]?.string else { throw failure(key, "a string") }
            return text
        }
        let name = object["precision"]?.string ?? Precision.f32.rawValue
        guard let precision = Precision(rawValue: name) else {
            throw failure("precision", Precision.allCases.map(\.rawValue).joined(separator: " or "))
        }
        guard let values = object["kept"]?.array, case let kept = values.compactMap(\.number),
            kept.count == values.count
        else { throw failure("kept", "an array of numbers") }
        guard let tolerance = object["tolerance"]?.number else { throw failure("tolerance", "a number") }
        self.init(query: try string("query"), text: try string("text"), precision: precision)
        self.labels = try string("labels")
        self.kept = kept.map(Float.init)
        self.tolerance = Float(tolerance)
    }

    /// A vector as a file holds it.
    package var json: String {
        let kept = self.kept.map { String(($0 * 1e6).rounded() / 1e6) }.joined(separator: ", ")
        return """
            {
              "query": \(JSONText.quoted(self.query)),
              "text": \(JSONText.quoted(self.text)),
              "precision": "\(self.precision.rawValue)",
              "labels": "\(self.labels)",
              "kept": [\(kept)],
              "tolerance": \(self.tolerance)
            }

            """
    }
}

extension Precision {
    /// Largest difference of P(kept) from values that were recorded in float32.
    ///
    /// About 1.4 times the largest on two default models' vectors, whose first layers compare sums that all but cancel:
    /// bf16 0.09 (0.03 in the mean), int8 0.26 (0.14). On long texts the mean is 0.0003 and 0.005.
    fileprivate var tolerance: Float {
        switch self {
        case .f32: 0
        case .bf16: 0.12
        case .int8: 0.36
        }
    }
}
