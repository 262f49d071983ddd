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
        let row = self.labelLogits[index * 4..<index * 4 + 4]
        let first = row.startIndex
        let top = row.max() ?? 0
        var best = 0
        var sum: Float = 0
        for column in 0..<4 {
            sum += expf(row[first + column] - top)
            if row[first + column] > row[first + best] { best = column }
        }
        let outside = expf(row[first + Int(BIOE.outside.rawValue)] - top) / sum
        let (tag, tagProbability) = self.bestTag(index, tagCount: tagCount, outsideTag: outsideTag)
        // `best` is in 0..<4, the raw values of BIOE.
        let label = BIOE(rawValue: UInt8(best))!
        return ScoredToken(token: token, label: label, score: (1 - outside) * tagProbability, tag: tag)
    }

    private func bestTag(_ index: Int, tagCount: Int, outsideTag: Int?) -> (tag: Int, probability: Float) {
        guard tagCount > 0, self.tagLogits.count >= (index + 1) * tagCount else { return (0, 1) }
        let row = self.tagLogits[index * tagCount..<(index + 1) * tagCount]
        let top = row.max() ?? 0
        var sum: Float = 0
        var best: Int?
        for column in 0..<tagCount {
            sum += expf(row[row.startIndex + column] - top)
            if column != outsideTag, best.map({ row[row.startIndex + column] > row[row.startIndex + $0] }) ?? true {
                best = column
            }
        }
        guard let best else { return (0, 0) }
        return (best, expf(row[row.startIndex + best] - top) / sum)
    }
}
