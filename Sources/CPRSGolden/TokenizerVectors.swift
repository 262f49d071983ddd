internal import CPRSCore
internal import CPRSJSON
internal import CPRSTokenizer

/// `{text, ids, offsets}`: exact ids, and byte ranges that, grown to whole characters, are the recorded offsets.
struct TokenizerVectors {
    let folder: String

    func check() throws(CPRSError) -> GoldenReport {
        let tokenizer = try Tokenizer(folder: self.folder + "/qwen2")
        var report = GoldenReport(family: "tokenizer")
        for (index, record) in try VectorFile.records(self.folder + "/tokenizer.jsonl").enumerated() {
            let text = try record.text("text")
            let ids = try record.tokenIDs("ids")
            let offsets = CodePointOffsets(text)
            let ranges = try record.ranges("offsets", in: offsets)
            let tokens = try tokenizer.encode(Array(text.utf8), specialTokens: .recognised)
            let grown = tokens.map { offsets.grown($0.bytes) }
            var miss: String?
            if tokens.map(\.id) != ids {
                miss = "line \(index + 1): ids \(ids), got \(tokens.map(\.id))"
            } else if grown != ranges {
                miss = "line \(index + 1): byte ranges \(ranges), got \(grown)"
            }
            report.record(miss: miss)
        }
        return report
    }
}
