package import CPRSCore
internal import CPRSJSON
internal import CPRSTensors

extension Qwen2Config {
    /// Largest value of any size field: far above every model, and small enough that no product of two sizes and an
    /// element width overflows.
    private static let maxSize = 1 << 24
    /// Most layers.
    private static let maxLayers = 1024
    /// Largest config.json that is read.
    private static let maxBytes = 4 << 20

    /// Reads and checks `config.json` in `folder`.
    ///
    /// - Parameters:
    ///   - folder: a model folder.
    ///   - environment: looks up an environment variable; only `BiLLM_START_INDEX` is asked for.
    /// - Throws: `notFound` if there is no such file; `modelUnusable` naming the field, its allowed values and the one
    ///   found; `invalidArgument` for a bad `BiLLM_START_INDEX`.
    package init(folder: String, environment: (String) -> String?) throws(CPRSError) {
        let path = folder + "/config.json"
        try self.init(
            json: MappedFile.read(path: path, limit: Self.maxBytes), path: path, environment: environment)
    }

    /// Checks a config's bytes; `path` is its name in messages. Throws as ``init(folder:environment:)``.
    package init(json: [UInt8], path: String, environment: (String) -> String?) throws(CPRSError) {
        guard let object = try JSONValue(json, name: path).object else {
            throw CPRSError(code: .modelUnusable, message: "\(path): must be an object")
        }
        let fields = ConfigFields(object: object, path: path)
        try Self.checkSupported(fields)

        let sizes = 1...Self.maxSize
        let width = try fields.integer("hidden_size", in: sizes)
        let layers = try fields.integer("num_hidden_layers", in: 1...Self.maxLayers)
        let heads = try fields.integer("num_attention_heads", in: sizes)
        let keyValueHeads = try fields.integer("num_key_value_heads", in: sizes, default: heads)
        guard heads.isMultiple(of: keyValueHeads) else {
            throw fields.failure(
                "num_key_value_heads must divide num_attention_heads (got \(keyValueHeads) and \(heads))")
        }
        if fields.isAbsent("head_dim"), !width.isMultiple(of: heads) {
            throw fields.failure(
                "hidden_size must be divisible by num_attention_heads (got \(width) and \(heads)) unless head_dim is given"
            )
        }
        let headWidth = try fields.integer("head_dim", in: sizes, default: width / heads)
        guard headWidth > 0, headWidth.isMultiple(of: 2) else {
            throw fields.failure("the head width must be even and above 0 (got \(headWidth))")
        }
        guard heads * headWidth <= Self.maxSize else {
            throw fields.failure(
                "num_attention_heads x head width must be at most \(Self.maxSize) (got \(heads) x \(headWidth))")
        }
        let maxPositions = try fields.integer("max_position_embeddings", in: sizes)

        self.width = width
        self.feedForwardWidth = try fields.integer("intermediate_size", in: sizes)
        self.layers = layers
        self.heads = heads
        self.keyValueHeads = keyValueHeads
        self.headWidth = headWidth
        self.vocabularySize = try fields.integer("vocab_size", in: sizes)
        self.maxPositions = maxPositions
        self.normEpsilon = try fields.number("rms_norm_eps", above: 0, atMost: 1)
        self.ropeTheta = try Self.ropeTheta(fields)
        self.tiedEmbeddings = try fields.bool("tie_word_embeddings", default: false)
        self.bidirectionalStartLayer = try Self.bidirectionalStart(fields, layers: layers, environment: environment)
        self.trainedWindowTokens = try fields.integer(
            "cprs_window_tokens", in: 1...maxPositions, default: min(8192, maxPositions))
        self.trainedInstruction = try fields.string("cprs_instruction")
        self.threshold =
            try fields.isAbsent("cprs_threshold") ? 0.5 : fields.number("cprs_threshold", above: 0, atMost: 1)
        self.bf16Matrices = try fields.strings("cprs_bf16")
        self.lexical = fields.isAbsent("cprs_lexical") ? nil : object["cprs_lexical"]
        guard self.parameterCount != nil else {
            throw fields.failure("the sizes together give more parameters than a 64-bit count holds")
        }
    }

    /// Refuses models that would load and then compute something else.
    private static func checkSupported(_ fields: ConfigFields) throws(CPRSError) {
        guard let type = try fields.string("model_type") else { throw fields.failure("model_type is missing") }
        guard type == "qwen2" else { throw fields.failure("model_type must be \"qwen2\" (got \"\(type)\")") }
        if let activation = try fields.string("hidden_act"), activation != "silu" {
            throw fields.failure("hidden_act must be \"silu\" (got \"\(activation)\")")
        }
        guard try !fields.bool("use_sliding_window", default: false) else {
            throw fields.failure("use_sliding_window must be false (sliding windows are not supported)")
        }
        guard fields.isAbsent("rope_scaling") else {
            throw fields.failure("rope_scaling must be null (scaled rotary embeddings are not supported)")
        }
        if let labels = try fields.string("bi_label_type"), labels != "BIOE" {
            throw fields.failure("bi_label_type must be \"BIOE\" (got \"\(labels)\")")
        }
        if let kinds = fields.object["layer_types"]?.array, kinds.contains(where: { $0.string != "full_attention" }) {
            throw fields.failure("layer_types may hold only \"full_attention\"")
        }
    }

    /// `rope_theta`, or newer writers' `rope_parameters.rope_theta`.
    private static func ropeTheta(_ fields: ConfigFields) throws(CPRSError) -> Double {
        guard fields.isAbsent("rope_theta"), let object = fields.object["rope_parameters"]?.object else {
            return try fields.number("rope_theta", above: 0, atMost: 1e12)
        }
        let nested = ConfigFields(object: object, path: "\(fields.path): rope_parameters")
        if let kind = try nested.string("rope_type"), kind != "default" {
            throw nested.failure("rope_type must be \"default\" (got \"\(kind)\")")
        }
        return try nested.number("rope_theta", above: 0, atMost: 1e12)
    }

    private static func bidirectionalStart(
        _ fields: ConfigFields, layers: Int, environment: (String) -> String?
    ) throws(CPRSError) -> Int {
        let key = "cprs_bidirectional_start_layer"
        guard fields.isAbsent(key) else { return try fields.integer(key, in: 0...layers) }
        guard let text = environment("BiLLM_START_INDEX") else { return layers * 3 / 4 }
        guard let start = Int(text), (0...layers).contains(start) else {
            throw CPRSError(
                code: .invalidArgument,
                message: "environment variable BiLLM_START_INDEX must be in 0...\(layers) (got \"\(text)\")")
        }
        return start
    }
}

/// Typed access to a config's members, with errors that name the field.
private struct ConfigFields {
    let object: JSONObject
    let path: String

    func failure(_ what: String) -> CPRSError { CPRSError(code: .modelUnusable, message: "\(self.path): \(what)") }

    func isAbsent(_ key: String) -> Bool { self.object[key]?.isNull ?? true }

    func integer(_ key: String, in range: ClosedRange<Int>, default fallback: Int? = nil) throws(CPRSError) -> Int {
        if self.isAbsent(key), let fallback { return fallback }
        guard !self.isAbsent(key), let value = self.object[key] else { throw self.failure("\(key) is missing") }
        guard let number = value.number else { throw self.failure("\(key) must be a number") }
        guard let integer = value.integer else { throw self.failure("\(key) must be a whole number (got \(number))") }
        guard range.contains(integer) else {
            throw self.failure("\(key) must be in \(range.lowerBound)...\(range.upperBound) (got \(integer))")
        }
        return integer
    }

    func number(_ key: String, above low: Double, atMost high: Double) throws(CPRSError) -> Double {
        guard !self.isAbsent(key), let value = self.object[key] else { throw self.failure("\(key) is missing") }
        guard let number = value.number else { throw self.failure("\(key) must be a number") }
        guard number > low, number <= high else {
            throw self.failure("\(key) must be above \(low) and at most \(high) (got \(number))")
        }
        return number
    }

    func bool(_ key: String, default fallback: Bool) throws(CPRSError) -> Bool {
        if self.isAbsent(key) { return fallback }
        guard let value = self.object[key]?.bool else { throw self.failure("\(key) must be true or false") }
        return value
    }

    func strings(_ key: String) throws(CPRSError) -> [String] {
        if self.isAbsent(key) { return [] }
        guard let values = self.object[key]?.array, case let strings = values.compactMap(\.string),
            strings.count == values.count
        else { throw self.failure("\(key) must be an array of strings") }
        return strings
    }

    func string(_ key: String) throws(CPRSError) -> String? {
        if self.isAbsent(key) { return nil }
        guard let value = self.object[key]?.string else { throw self.failure("\(key) must be a string") }
        return value
    }
}
