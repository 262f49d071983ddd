internal import CPRSCore
internal import CPRSEngine
internal import CPRSJSON
internal import CPRSModel
internal import CPRSSegmentation

extension Preset {
    /// The program's presets in the wording that a model was trained on.
    static func worded(for config: Qwen2Config) -> [Preset] {
        Preset.all.map { $0.resolved(trained: config.trainedInstruction) }
    }

    /// An array of objects: `name`, `instruction`, `tags`, `granularity`, `needs_query`, `matches_words`.
    static func json(_ presets: [Preset]) -> String {
        let objects = presets.map { preset in
            let tags = preset.tags.map(JSONText.quoted).joined(separator: ", ")
            return """
                {"name": \(JSONText.quoted(preset.name)), "instruction": \(JSONText.quoted(preset.instruction)), \
                "tags": [\(tags)], "granularity": "\(preset.granularity.rawValue)", \
                "needs_query": \(preset.needsQuery), "matches_words": \(preset.matchesWords)}
                """
        }
        return "[\n\(objects.joined(separator: ",\n"))\n]\n"
    }

    /// Reads what ``json(_:)`` wrote.
    ///
    /// - Throws: `modelUnusable` naming the member that is missing or of the wrong kind.
    static func read(_ json: [UInt8], path: String) throws(CPRSError) -> [Preset] {
        func failure(_ what: String) -> CPRSError { CPRSError(code: .modelUnusable, message: "\(path): \(what)") }
        guard let array = try JSONValue(json, name: path).array else { throw failure("must be an array") }
        var presets: [Preset] = []
        for (index, value) in array.enumerated() {
            guard let object = value.object else { throw failure("[\(index)] must be an object") }
            guard let name = object["name"]?.string, let instruction = object["instruction"]?.string,
                let needsQuery = object["needs_query"]?.bool, let matchesWords = object["matches_words"]?.bool,
                let values = object["tags"]?.array
            else {
                throw failure("[\(index)] must have a name, an instruction, tags, needs_query and matches_words")
            }
            let tags = values.compactMap(\.string)
            guard tags.count == values.count else { throw failure("[\(index)]: tags must be strings") }
            guard let granularity = object["granularity"]?.string.flatMap(Granularity.init) else {
                let names = Granularity.allCases.map(\.rawValue).joined(separator: ", ")
                throw failure("[\(index)]: granularity must be one of \(names)")
            }
            var preset = Preset.fact
            preset.name = name
            preset.instruction = instruction
            preset.tags = tags
            preset.granularity = granularity
            preset.needsQuery = needsQuery
            preset.matchesWords = matchesWords
            presets.append(preset)
        }
        return presets
    }
}
