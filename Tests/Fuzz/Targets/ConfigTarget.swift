internal import CPRSCore
internal import CPRSModel

extension FuzzTarget {
    /// A config that is accepted has sizes whose products are safe, and says the same when it is written again.
    static let config = FuzzTarget(name: "config") { input in
        guard let config = try? Qwen2Config(json: input, path: "config.json", environment: { _ in nil }) else { return }
        try require(config.parameterCount != nil, "a parameter count that fits 64 bits")
        try require(config.heads.isMultiple(of: config.keyValueHeads), "heads in groups")
        try require((0...config.layers).contains(config.bidirectionalStartLayer), "a start among the layers")
        try require((1...config.maxPositions).contains(config.trainedWindowTokens), "a window of at most all positions")
        try require(config.threshold > 0 && config.threshold <= 1, "a threshold in 0...1")
        try require(config.normEpsilon.isFinite && config.ropeTheta.isFinite, "finite constants")
        guard config.trainedInstruction == nil else { return }
        let again = try? Qwen2Config(json: Array(config.json.utf8), path: "again", environment: { _ in nil })
        try require(again == config, "\(config.json) is read as \(String(describing: again))")
    }
}
