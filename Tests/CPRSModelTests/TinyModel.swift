internal import CPRSCore
internal import CPRSTensors
internal import CPRSTestSupport
internal import Glibc

/// A small random Qwen2 critic that can be written as a model folder in any of the element types.
///
/// Every weight is a multiple of 1/256 with at most seven bits, so F32, BF16 and F16 files hold the same numbers.
struct TinyModel {
    var width = 24
    var feedForward = 40
    var layers = 4
    var heads = 4
    var keyValueHeads = 2
    var headWidth = 6
    var vocabulary = 50
    var start = 2
    var tied = true
    var lmHead = false
    let theta = 10000.0
    let epsilon = 1e-6
    let maxPositions = 4096
    let windowTokens = 4096

    /// A named tensor; elements in row order.
    struct Tensor {
        var name: String
        var shape: [Int]
        var values: [Float]
    }

    /// Members of config.json, as JSON text; tests replace or remove some.
    var config: [String: String] {
        [
            "model_type": "\"qwen2\"", "hidden_act": "\"silu\"", "hidden_size": "\(self.width)",
            "intermediate_size": "\(self.feedForward)", "num_hidden_layers": "\(self.layers)",
            "num_attention_heads": "\(self.heads)", "num_key_value_heads": "\(self.keyValueHeads)",
            "head_dim": "\(self.headWidth)", "vocab_size": "\(self.vocabulary)",
            "max_position_embeddings": "\(self.maxPositions)", "rms_norm_eps": "\(self.epsilon)",
            "rope_theta": "\(self.theta)", "tie_word_embeddings": "\(self.tied)", "rope_scaling": "null",
            "use_sliding_window": "false", "cprs_bidirectional_start_layer": "\(self.start)",
            "cprs_window_tokens": "\(self.windowTokens)",
        ]
    }

    /// config.json's text.
    static func json(_ members: [String: String]) -> [UInt8] {
        Array(
            "{\(members.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", "))}".utf8)
    }

    /// All tensors, random from `seed`. The names are spelled out again here: they are the format, not our code's.
    func tensors(seed: UInt64) -> [Tensor] {
        var generator = SeededGenerator(seed: seed)
        func tensor(_ name: String, _ shape: Int..., near center: Int = 0) -> Tensor {
            let count = shape.reduce(1, *)
            return Tensor(
                name: name, shape: shape,
                values: (0..<count).map { _ in Float(center + Int.random(in: -63...63, using: &generator)) / 256 })
        }
        var all = [tensor("model.embed_tokens.weight", self.vocabulary, self.width)]
        let (queries, keys) = (self.heads * self.headWidth, self.keyValueHeads * self.headWidth)
        for layer in 0..<self.layers {
            let prefix = "model.layers.\(layer)."
            all += [
                tensor(prefix + "input_layernorm.weight", self.width, near: 64),
                tensor(prefix + "self_attn.q_proj.weight", queries, self.width),
                tensor(prefix + "self_attn.q_proj.bias", queries),
                tensor(prefix + "self_attn.k_proj.weight", keys, self.width),
                tensor(prefix + "self_attn.k_proj.bias", keys),
                tensor(prefix + "self_attn.v_proj.weight", keys, self.width),
                tensor(prefix + "self_attn.v_proj.bias", keys),
                tensor(prefix + "self_attn.o_proj.weight", self.width, queries),
                tensor(prefix + "post_attention_layernorm.weight", self.width, near: 64),
                tensor(prefix + "mlp.gate_proj.weight", self.feedForward, self.width),
                tensor(prefix + "mlp.up_proj.weight", self.feedForward, self.width),
                tensor(prefix + "mlp.down_proj.weight", self.width, self.feedForward),
            ]
        }
        all += [
            tensor("model.norm.weight", self.width, near: 64), tensor("cls_head.weight", 4, self.width),
            tensor("cls_head.bias", 4),
        ]
        if self.lmHead { all.append(tensor("lm_head.weight", self.vocabulary, self.width)) }
        return all
    }

    /// Writes a whole model folder.
    func write(
        to folder: TemporaryFolder, tensors: [Tensor], type: ElementType = .f32, shards: Int = 1, headerPadding: Int = 0
    ) {
        folder.write(Self.json(self.config), to: "config.json")
        guard shards > 1 else {
            folder.write(Self.safetensors(tensors, type, padding: headerPadding), to: "model.safetensors")
            return
        }
        var map: [String] = []
        for shard in 0..<shards {
            let part = tensors.enumerated().filter { $0.offset % shards == shard }.map(\.element)
            let name = "model-\(shard + 1)-of-\(shards).safetensors"
            folder.write(Self.safetensors(part, type, padding: headerPadding), to: name)
            map += part.map { "\"\($0.name)\":\"\(name)\"" }
        }
        folder.write(Array("{\"weight_map\":{\(map.joined(separator: ","))}}".utf8), to: "model.safetensors.index.json")
    }

    /// One file's bytes; `padding` spaces after the header move the data.
    static func safetensors(_ tensors: [Tensor], _ type: ElementType, padding: Int = 0) -> [UInt8] {
        var entries: [String] = []
        var data: [UInt8] = []
        for tensor in tensors {
            let begin = data.count
            for value in tensor.values { data += Self.encode(value, type) }
            entries.append(
                #""\#(tensor.name)":{"dtype":"\#(type.rawValue)","shape":\#(tensor.shape),"data_offsets":[\#(begin),\#(data.count)]}"#
            )
        }
        var header = "{\(entries.joined(separator: ","))}"
        while !header.utf8.count.isMultiple(of: 8) { header += " " }
        header += String(repeating: " ", count: padding)
        return (0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> (8 * $0)) } + Array(header.utf8) + data
    }

    private static func encode(_ value: Float, _ type: ElementType) -> [UInt8] {
        let bits = value.bitPattern
        switch type {
        case .f32: return (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
        case .bf16: return [UInt8(truncatingIfNeeded: bits >> 16), UInt8(bits >> 24)]
        case .f16:
            // Exact for 0 and multiples of 1/256: no subnormals, no rounding.
            let half: UInt16 =
                value == 0
                ? 0
                : (value < 0 ? 0x8000 : 0) | UInt16(Int(value.exponent) + 15) << 10
                    | UInt16(value.significandBitPattern >> 13)
            return [UInt8(half & 0xFF), UInt8(half >> 8)]
        }
    }
}
