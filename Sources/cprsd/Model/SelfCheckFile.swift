internal import CPRSCore
internal import CPRSJSON
internal import CPRSRuntime

extension SelfCheck {
    /// Reads a model's vector; nil if there is none.
    ///
    /// - Throws: `modelUnusable` naming the key that is missing or of the wrong type.
    static func vector(of source: ModelSource) throws(CPRSError) -> Vector? {
        let path = source.path + "/" + Self.fileName
        guard let bytes = try source.file(Self.fileName) else { return nil }
        guard case .object(let object) = try JSONValue(bytes, name: path)
        else { throw CPRSError(code: .modelUnusable, message: "\(path): must be an object") }
        func string(_ key: String) throws(CPRSError) -> String {
            guard case .string(let text)? = object[key] else { throw Self.missing(path, key, "a string") }
            return text
        }
        guard case .array(let values)? = object["kept"] else { throw Self.missing(path, "kept", "an array") }
        var kept: [Float] = []
        for value in values {
            guard let number = Self.number(value) else { throw Self.missing(path, "kept", "an array of numbers") }
            kept.append(number)
        }
        guard let tolerance = object["tolerance"].flatMap(Self.number) else {
            throw Self.missing(path, "tolerance", "a number")
        }
        return Vector(
            query: try string("query"), text: try string("text"), labels: try string("labels"), kept: kept,
            tolerance: tolerance)
    }

    /// A vector as a file holds it.
    static func json(_ vector: Vector) -> String {
        let kept = vector.kept.map { String(($0 * 1e6).rounded() / 1e6) }.joined(separator: ", ")
        return """
            {
              "query": \(JSONText.quoted(vector.query)),
              "text": \(JSONText.quoted(vector.text)),
              "labels": "\(vector.labels)",
              "kept": [\(kept)],
              "tolerance": \(vector.tolerance)
            }
            """
    }

    private static func number(_ value: JSONValue) -> Float? {
        switch value {
        case .integer(let number): Float(number)
        case .number(let number): Float(number)
        default: nil
        }
    }

    private static func missing(_ path: String, _ key: String, _ kind: String) -> CPRSError {
        CPRSError(code: .modelUnusable, message: "\(path): \"\(key)\" must be \(kind)")
    }
}
