package import CPRSCore
package import CPRSJSON

/// The sizes and constants of a Qwen2 token critic; what `config.json` says after checking.
package struct Qwen2Config: Sendable, Hashable {
    /// Model width D; `hidden_size`.
    package let width: Int
    /// Feed-forward width F; `intermediate_size`.
    package let feedForwardWidth: Int
    /// Number of layers; `num_hidden_layers`.
    package let layers: Int
    /// Query heads H; `num_attention_heads`.
    package let heads: Int
    /// Key/value heads KV, a divisor of H; `num_key_value_heads`.
    package let keyValueHeads: Int
    /// Width of one head HD, even; `head_dim`, else D / H.
    package let headWidth: Int
    /// Vocabulary size V; `vocab_size`.
    package let vocabularySize: Int
    /// Most tokens in a window; `max_position_embeddings`.
    package let maxPositions: Int
    /// Added to the mean square in RMSNorm; `rms_norm_eps`.
    package let normEpsilon: Double
    /// Base of the rotary angles; `rope_theta`.
    package let ropeTheta: Double
    /// The LM head is the embedding; `tie_word_embeddings`.
    package let tiedEmbeddings: Bool
    /// First layer, counted from 0, in which every token sees the whole window; equal to `layers` if there is none.
    /// `cprs_bidirectional_start_layer`, else the environment's `BiLLM_START_INDEX`, else 3/4 of the layers.
    package let bidirectionalStartLayer: Int
    /// Tokens in a window that the model was trained for; `cprs_window_tokens`, else min(8192, `maxPositions`).
    package let trainedWindowTokens: Int
    /// The instruction that the model was trained with; `cprs_instruction`.
    package let trainedInstruction: String?
    /// Least score of a kept unit that suits the model's calibration; `cprs_threshold`, else 0.5.
    package let threshold: Double
    /// Matrices that an int8 packing of the model holds in bf16, because they cannot bear less; `cprs_bf16`, see
    /// ``Packing/bf16``.
    package let bf16Matrices: [String]
    /// What the model brings for word matching, as the config has it; `cprs_lexical`. Nothing here looks at it.
    package let lexical: JSONValue?

    /// Width of all query heads together.
    var queryWidth: Int { self.heads * self.headWidth }
    /// Width of all key (or value) heads together.
    var keyWidth: Int { self.keyValueHeads * self.headWidth }
}

extension Qwen2Config {
    /// The names that ``shape(named:)`` knows.
    package static let shapeNames = ["qwen2-0.5b", "qwen2-1.5b", "qwen2-7b"]

    /// A published shape, for measuring speed on random weights.
    ///
    /// - Throws: `invalidArgument` if the name is not in ``shapeNames``.
    package static func shape(named name: String) throws(CPRSError) -> Qwen2Config {
        switch name {
        case "qwen2-0.5b":
            Qwen2Config(shapeOf: 24, width: 896, heads: 14, keyValueHeads: 2, feedForward: 4864, vocabulary: 151_936)
        case "qwen2-1.5b":
            Qwen2Config(shapeOf: 28, width: 1536, heads: 12, keyValueHeads: 2, feedForward: 8960, vocabulary: 151_936)
        case "qwen2-7b":
            Qwen2Config(
                shapeOf: 28, width: 3584, heads: 28, keyValueHeads: 4, feedForward: 18944, vocabulary: 152_064,
                tied: false)
        default:
            throw CPRSError(
                code: .invalidArgument,
                message: "shape must be one of \(Self.shapeNames.joined(separator: ", ")) (got \"\(name)\")")
        }
    }

    private init(
        shapeOf layers: Int, width: Int, heads: Int, keyValueHeads: Int, feedForward: Int, vocabulary: Int,
        tied: Bool = true
    ) {
        self.width = width
        self.feedForwardWidth = feedForward
        self.layers = layers
        self.heads = heads
        self.keyValueHeads = keyValueHeads
        self.headWidth = width / heads
        self.vocabularySize = vocabulary
        self.maxPositions = 32768
        self.normEpsilon = 1e-6
        self.ropeTheta = 1_000_000
        self.tiedEmbeddings = tied
        self.bidirectionalStartLayer = layers * 3 / 4
        self.trainedWindowTokens = 8192
        self.trainedInstruction = nil
        self.threshold = 0.5
        self.bf16Matrices = []
        self.lexical = nil
    }
}
