internal import CPRSCore
internal import CPRSJSON
internal import CPRSModel
internal import CPRSTensors
internal import Crypto

extension FuzzTarget {
    /// A packed model file with any header and damaged data is refused, or computes.
    ///
    /// The input is a header and a zero byte, then what to write over a sound file's data: offset (two bytes) and value
    /// (one) each. Where the header is left out it is the sound file's, and offsets from 32,768 on lie in it. The
    /// header's digest is made right again, so that what lies behind that check is reached.
    static let packedModel = FuzzTarget(name: "packed-model") { input in
        let sound = try soundModel.get()
        var input = FuzzInput(input)
        var header = input.part(until: 0)
        var data = sound.data
        let isSound = header.isEmpty
        if isSound { header = sound.header }
        for _ in 0..<input.rest.count / 3 {
            let (place, value) = (input.number(bytes: 2), input.byte())
            if place < data.count { data[place] = value }
            if isSound, place >= 1 << 15 { header[(place - (1 << 15)) % header.count] = value }
        }
        header = withRightDigest(header)
        while !(8 + header.count).isMultiple(of: SafetensorsWriter.pageBytes) { header.append(UInt8(ascii: " ")) }
        let folder = InputFolder()
        let path = folder.write(safetensorsFile(header + [0] + data), to: "model.cprs")
        guard let model = try? PackedModel(path: path) else { return }
        try? model.verify()
        for name in model.folderFiles { _ = model.folderFile(name)?.copy() }
        _ = model.extraTensors("cprs_lexicon")
        guard let critic = try? Qwen2Critic(config: model.config, packed: model.weights, threads: 1, windowTokens: 16)
        else { return }
        let window = CriticWindow(prompt: [0, 1], context: [2, 3, 4], tags: [0])
        guard let output = try? critic.score(window) else { return }
        try require(output.labelLogits.count == 12, "four logits for each of three tokens: \(output.labelLogits)")
    }
}

/// A model so small that its file has a few pages.
private let soundModel = Result {
    let json = """
        {"model_type": "qwen2", "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 8, "max_position_embeddings": 64,
        "rms_norm_eps": 1e-6, "rope_theta": 10000, "tie_word_embeddings": true}
        """
    let config = try Qwen2Config(json: Array(json.utf8), path: "config.json", environment: { _ in nil })
    let pool = try ComputePool(threads: 1)
    let writer = try PackedModelWriter(
        WeightSource(random: config, seed: 1, pool: pool),
        contents: .init(files: [("config.json", Array(json.utf8))]), packing: Packing(.int8), pool: pool)
    let folder = InputFolder()
    _ = try writer.write(to: folder.path + "/sound.cprs", replaces: false)
    let bytes = try MappedFile.read(path: folder.path + "/sound.cprs", limit: 1 << 20)
    let length = (0..<8).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
    let header = Array(bytes[8..<8 + length].reversed().drop { $0 == UInt8(ascii: " ") }.reversed())
    return (header: header, data: Array(bytes[(8 + length)...]))
}

/// The header with the digest that its metadata ask for, if it states one.
private func withRightDigest(_ header: [UInt8]) -> [UInt8] {
    let key = Array("\"digest\":\"".utf8)
    let metadata = (try? JSONValue(header, name: "header"))?.object?["__metadata__"]?.object
    let place = header.indices.first { header[$0...].starts(with: key) }.map { $0 + key.count }
    guard let metadata, let place, place + 64 < header.count else { return header }
    var hash = SHA256()
    for name in metadata.keys.sorted() where name != SafetensorsManifest.digestKey {
        for text in [name, metadata[name]?.string ?? ""] { hash.update(data: Array(text.utf8) + [0]) }
    }
    let digits = Hexadecimal.digits(Array(hash.finalize()))
    return header[..<place] + Array(digits.utf8) + header[(place + 64)...]
}
