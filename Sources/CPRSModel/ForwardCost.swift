internal import CPRSCore

/// The multiply-adds that one window needs; what an ideal program would compute and nothing else.
package struct ForwardCost: Sendable, Hashable {
    /// q, k, v, o, gate, up and down projections.
    package var linear: Int
    /// Scores and weighted sums: each query times the keys that it sees, twice.
    package var attention: Int
    /// Label head, and LM head at the tags.
    package var head: Int

    /// All of them.
    package var total: Int { self.linear + self.attention + self.head }

    /// Counts for a window of `prompt + context` tokens. In the last layer only context tokens have queries.
    package init(_ config: Qwen2Config, prompt: Int, context: Int, tags: Int) {
        let tokens = prompt + context
        let keyValue = 2 * config.keyWidth * config.width
        let perQuery = 2 * config.queryWidth * config.width + 3 * config.width * config.feedForwardWidth
        self.linear = 0
        self.attention = 0
        for layer in 0..<config.layers {
            let first = layer == config.layers - 1 ? prompt : 0
            self.linear += tokens * keyValue + (tokens - first) * perQuery
            // A causal query at position p sees p + 1 keys.
            let causalPairs = tokens * (tokens + 1) / 2 - first * (first + 1) / 2
            let pairs = layer < config.bidirectionalStartLayer ? causalPairs : (tokens - first) * tokens
            self.attention += 2 * pairs * config.queryWidth
        }
        self.head = context * (BIOE.allCases.count + tags) * config.width
    }
}
