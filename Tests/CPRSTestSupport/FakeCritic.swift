package import CPRSCore
internal import Glibc

/// A critic without a model: a token's score depends on its id alone.
package final class FakeCritic: TokenCritic {
    package let limits: CriticLimits
    private let probability: (TokenID) -> Float

    /// - Parameter probability: P(kept) of a token, in 0...1.
    package init(
        limits: CriticLimits = CriticLimits(maxWindowTokens: 4096, trainedWindowTokens: 256, vocabularySize: 1 << 20),
        probability: @escaping (TokenID) -> Float = { FakeCritic.scattered($0) }
    ) {
        self.limits = limits
        self.probability = probability
    }

    /// A fixed, arbitrary looking probability for every id.
    package static func scattered(_ id: TokenID) -> Float {
        var generator = SeededGenerator(seed: UInt64(id))
        return Float(generator.next() >> 40) / Float(1 << 24)
    }

    package func score(_ window: CriticWindow) throws(CPRSError) -> CriticOutput {
        var labels: [Float] = []
        var tags: [Float] = []
        for id in window.context {
            let kept = min(max(self.probability(id), 1e-6), 1 - 1e-6)
            let logit = logf(kept / (1 - kept))
            // Begin or inside by the id's parity, so that reference decoding sees both.
            let begins = id % 2 == 0
            labels += [begins ? logit : -40, begins ? -40 : logit, 0, -40]
            tags += window.tags.map { Float(($0 &+ id) % 5) }
        }
        return CriticOutput(labelLogits: labels, tagLogits: tags)
    }
}
