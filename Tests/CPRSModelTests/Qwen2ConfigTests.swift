internal import CPRSCore
internal import CPRSModel
internal import Testing

@Suite("model config")
struct Qwen2ConfigTests {
    private static func config(
        _ changes: [String: String?], environment: [String: String] = [:]
    ) throws(CPRSError) -> Qwen2Config {
        var members = TinyModel().config
        for (key, value) in changes { members[key] = value }
        return try Qwen2Config(json: TinyModel.json(members), path: "config.json") { environment[$0] }
    }

    /// A change to a valid config (nil removes the member) and words that the error must contain.
    struct Defect: Sendable, CustomTestStringConvertible {
        let changes: [String: String?]
        let words: String
        var testDescription: String { "\(self.changes)" }

        init(_ changes: [String: String?], _ words: String) {
            self.changes = changes
            self.words = words
        }
    }

    static let sizes = [
        "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
        "head_dim",
        "vocab_size", "max_position_embeddings",
    ]

    static let defects: [Defect] =
        [
            "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size",
            "max_position_embeddings", "rms_norm_eps", "rope_theta", "model_type",
        ].map {
            Defect([$0: nil as String?], "\($0) is missing")
        }
        + Self.sizes.flatMap {
            [
                Defect([$0: "\"8\""], "\($0) must be a number"),
                Defect([$0: "1.5"], "\($0) must be a whole number (got 1.5)"),
                Defect([$0: "0"], "\($0) must be in 1..."), Defect([$0: "-4"], "(got -4)"),
                Defect([$0: "1000000000000"], "(got 1000000000000)"),
                Defect([$0: "NaN"], "'NaN' is not a finite number"),
                Defect([$0: "1e400"], "'1e400' is not a finite number"),
            ]
        }
        + [
            Defect(["rms_norm_eps": "0"], "rms_norm_eps must be above 0"),
            Defect(["rms_norm_eps": "true"], "rms_norm_eps must be a number"),
            Defect(["rms_norm_eps": "Infinity"], "not a finite number"),
            Defect(["rope_theta": "-1"], "rope_theta must be above 0"),
            Defect(["num_key_value_heads": "3"], "num_key_value_heads must divide num_attention_heads (got 3 and 4)"),
            Defect(["head_dim": "5"], "head width must be even"),
            Defect(
                ["head_dim": nil, "hidden_size": "26"],
                "hidden_size must be divisible by num_attention_heads (got 26 and 4)"),
            Defect(["head_dim": "16777216"], "num_attention_heads x head width must be at most"),
            Defect(
                [
                    "hidden_size": "16777216", "intermediate_size": "16777216", "num_hidden_layers": "1024",
                    "vocab_size": "16777216",
                    "num_attention_heads": "16777216", "num_key_value_heads": "8388608", "head_dim": nil,
                ],
                "head width must be even"),
            Defect(["model_type": "\"llama\""], "model_type must be \"qwen2\" (got \"llama\")"),
            Defect(["model_type": "3"], "model_type must be a string"),
            Defect(["hidden_act": "\"gelu\""], "hidden_act must be \"silu\" (got \"gelu\")"),
            Defect(["use_sliding_window": "true"], "use_sliding_window must be false"),
            Defect(["use_sliding_window": "1"], "use_sliding_window must be true or false"),
            Defect(["rope_scaling": "{\"type\":\"yarn\"}"], "rope_scaling must be null"),
            Defect(
                ["rope_theta": nil, "rope_parameters": "{\"rope_type\":\"yarn\",\"rope_theta\":1}"],
                "rope_type must be \"default\""),
            Defect(["bi_label_type": "\"BIO\""], "bi_label_type must be \"BIOE\""),
            Defect(["layer_types": "[\"sliding_attention\"]"], "layer_types may hold only \"full_attention\""),
            Defect(["tie_word_embeddings": "\"yes\""], "tie_word_embeddings must be true or false"),
            Defect(["cprs_bidirectional_start_layer": "5"], "cprs_bidirectional_start_layer must be in 0...4 (got 5)"),
            Defect(["cprs_bidirectional_start_layer": "-1"], "must be in 0...4"),
            Defect(["cprs_window_tokens": "0"], "cprs_window_tokens must be in 1...4096 (got 0)"),
            Defect(["cprs_window_tokens": "4097"], "cprs_window_tokens must be in 1...4096 (got 4097)"),
            Defect(["cprs_instruction": "7"], "cprs_instruction must be a string"),
        ]

    @Test("a defective config is refused with the field, what is allowed and what was found", arguments: defects)
    func defect(_ defect: Defect) throws {
        let error = try #require(throws: CPRSError.self) { try Self.config(defect.changes) }
        #expect(error.code == .modelUnusable && error.message.hasPrefix("config.json: "))
        #expect(error.message.contains(defect.words), "\(error.message)")
    }

    @Test("sizes that are each allowed but together overflow are limited before any product is taken")
    func absurdProduct() throws {
        let config = try Self.config([
            "hidden_size": "16777216", "intermediate_size": "16777216", "num_hidden_layers": "1024",
            "vocab_size": "16777216", "num_attention_heads": "8388608", "num_key_value_heads": "8388608",
            "head_dim": "2",
        ])
        // 1024 layers of about 7 · 2^48 weights still fit 64 bits.
        #expect(try #require(config.parameterCount) > 1 << 60)
    }

    @Test("text that is not an object is refused", arguments: ["[]", "3", "", "{\"a\":1,\"a\":2}"])
    func notAnObject(text: String) {
        #expect(throws: CPRSError.self) { try Qwen2Config(json: Array(text.utf8), path: "config.json") { _ in nil } }
    }

    @Test("absent optional fields take their documented defaults")
    func defaults() throws {
        let config = try Self.config([
            "num_key_value_heads": nil, "head_dim": nil, "tie_word_embeddings": nil,
            "cprs_bidirectional_start_layer": nil,
            "cprs_window_tokens": nil, "hidden_act": nil, "use_sliding_window": nil, "rope_scaling": nil,
            "max_position_embeddings": "32768",
        ])
        #expect(config.keyValueHeads == 4 && config.headWidth == 6 && !config.tiedEmbeddings)
        #expect(
            config.bidirectionalStartLayer == 3 && config.trainedWindowTokens == 8192
                && config.trainedInstruction == nil)
        #expect(try Self.config(["cprs_window_tokens": nil]).trainedWindowTokens == 4096)
    }

    @Test("the first bidirectional layer comes from the config, then the environment, then 3/4 of the layers")
    func bidirectionalStart() throws {
        let environment = ["BiLLM_START_INDEX": "1"]
        #expect(try Self.config([:], environment: environment).bidirectionalStartLayer == 2)
        let absent: [String: String?] = ["cprs_bidirectional_start_layer": nil]
        #expect(try Self.config(absent, environment: environment).bidirectionalStartLayer == 1)
        #expect(try Self.config(absent).bidirectionalStartLayer == 3)
        #expect(try Self.config(["cprs_bidirectional_start_layer": "4"]).bidirectionalStartLayer == 4)
    }

    @Test("a bad BiLLM_START_INDEX is refused with its value", arguments: ["", "x", "5", "-1", "1.5"])
    func badEnvironment(text: String) throws {
        let error = try #require(throws: CPRSError.self) {
            try Self.config(["cprs_bidirectional_start_layer": nil], environment: ["BiLLM_START_INDEX": text])
        }
        #expect(error.code == .invalidArgument && error.message.contains("must be in 0...4 (got \"\(text)\")"))
    }

    @Test("newer writers' rope_parameters give theta")
    func ropeParameters() throws {
        let config = try Self.config([
            "rope_theta": nil, "rope_parameters": "{\"rope_type\":\"default\",\"rope_theta\":5000.0}",
        ])
        #expect(config.ropeTheta == 5000)
    }

    @Test("published shapes have the published numbers of parameters")
    func shapes() throws {
        // Qwen2's model cards, plus a label head of 4 (D + 1); the 7B's published count includes its own LM head.
        #expect(try Qwen2Config.shape(named: "qwen2-0.5b").parameterCount == 494_032_768 + 4 * 897)
        #expect(try Qwen2Config.shape(named: "qwen2-1.5b").parameterCount == 1_543_714_304 + 4 * 1537)
        #expect(try Qwen2Config.shape(named: "qwen2-7b").parameterCount == 7_615_616_512 + 4 * 3585)
        #expect(try Qwen2Config.shape(named: "qwen2-7b").bidirectionalStartLayer == 21)
        let error = try #require(throws: CPRSError.self) { try Qwen2Config.shape(named: "gpt") }
        #expect(error.message.contains("qwen2-1.5b") && error.message.contains("gpt"))
    }
}
