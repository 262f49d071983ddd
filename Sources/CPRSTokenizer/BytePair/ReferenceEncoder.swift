package import CPRSCore

/// Byte-pair encoding as it is defined, in quadratic time: the oracle for the fast encoders.
package enum ReferenceEncoder {
    /// Splits `text` into bytes, then joins the pair of the lowest rank, the leftmost of equals, until none is left.
    ///
    /// - Parameter text: one pretoken; nothing is normalized or cut.
    package static func encode(_ text: [UInt8], _ tokenizer: Tokenizer) -> [TokenID] {
        let vocabulary = tokenizer.vocabulary
        var tokens = text.map { vocabulary.byteTokens[Int($0)] }
        while true {
            var best = MergeTable.none
            var place = 0
            for index in tokens.indices.dropLast() {
                let rank = vocabulary.merges.rank(tokens[index], tokens[index + 1])
                if rank < best { (best, place) = (rank, index) }
            }
            if best == MergeTable.none { return tokens }
            tokens[place] = vocabulary.merges.merge(tokens[place], tokens[place + 1]).result
            tokens.remove(at: place + 1)
        }
    }
}
