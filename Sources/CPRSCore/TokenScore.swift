#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// One scored token of the context.
package struct ScoredToken: Hashable, Sendable {
    /// The token and its bytes.
    package var token: Token
    /// The most probable of the four labels.
    package var label: BIOE
    /// P(tag) · P(kept) of the best tag, in 0...1; P(kept) = 1 - P(outside).
    package var score: Float
    /// Index of the best tag in the request's tags; 0 when there are none.
    package var tag: Int

    package init(token: Token, label: BIOE, score: Float, tag: Int = 0) {
        self.token = token
        self.label = label
        self.score = score
        self.tag = tag
    }
}

extension CriticOutput {
    /// Turns token `index`'s logits into a label, a score and a tag.
    ///
    /// - Parameters:
    ///   - index: row in the logits.
    ///   - token: the context token of that row.
    ///   - outsideTag: column of the tag that stands for "not kept"; it takes part in the softmax and is never chosen.
    /// Source: QwenLong-CPRS, arXiv:2505.18092 (score of a tag at a position = product of the two softmaxes).
    package func scored(_ index: Int, token: Token, tagCount: Int, outsideTag: Int?) -> ScoredToken {
        let row = index * 4
        var best = 0
        for column in 1..<4 where self.labelLogits[row + column] > self.labelLogits[row + best] { best = column }
        let top = self.labelLogits[row + best]
        var sum: Float = 0
        var outside: Float = 0
        for column in 0..<4 {
            let exponential = expf(self.labelLogits[row + column] - top)
            sum += exponential
            if column == Int(BIOE.outside.rawValue) { outside = exponential }
        }
        let (tag, tagProbability) = self.bestTag(index, tagCount: tagCount, outsideTag: outsideTag)
        // `best` is in 0..<4, the raw values of BIOE.
        let label = BIOE(rawValue: UInt8(best))!
        return ScoredToken(token: token, label: label, score: (1 - outside / sum) * tagProbability, tag: tag)
    }

    /// The scores of a window's tokens, in their order.
    package func scored(_ tokens: [Token], tagCount: Int, outsideTag: Int?) -> [ScoredToken] {
        var scored: [ScoredToken] = []
        scored.reserveCapacity(tokens.count)
        for (index, token) in tokens.enumerated() {
            scored.append(self.scored(index, token: token, tagCount: tagCount, outsideTag: outsideTag))
        }
        return scored
    }

    private func bestTag(_ index: Int, tagCount: Int, outsideTag: Int?) -> (tag: Int, probability: Float) {
        let row = index * tagCount
        guard tagCount > 0, self.tagLogits.count >= row + tagCount else { return (0, 1) }
        var top = self.tagLogits[row]
        for column in 1..<tagCount where self.tagLogits[row + column] > top { top = self.tagLogits[row + column] }
        var sum: Float = 0
        var best: (tag: Int, exponential: Float)?
        for column in 0..<tagCount {
            let exponential = expf(self.tagLogits[row + column] - top)
            sum += exponential
            guard column != outsideTag else { continue }
            if best.map({ self.tagLogits[row + column] > self.tagLogits[row + $0.tag] }) ?? true {
                best = (column, exponential)
            }
        }
        guard let best else { return (0, 0) }
        return (best.tag, best.exponential / sum)
    }
}
