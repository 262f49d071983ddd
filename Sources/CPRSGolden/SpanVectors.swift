internal import CPRSCore
internal import CPRSJSON
internal import CPRSSegmentation

/// Label sequences with the published reference's corrected labels and spans, exact.
struct SpanVectors {
    let folder: String

    func check() throws(CPRSError) -> GoldenReport {
        var report = GoldenReport(family: "spans")
        for (index, record) in try VectorFile.records(self.folder + "/spans.jsonl").enumerated() {
            report.record(miss: try self.compare(record).map { "line \(index + 1): \($0)" })
        }
        return report
    }

    private func compare(_ record: JSONObject) throws(CPRSError) -> String? {
        let text = try record.text("text")
        let offsets = CodePointOffsets(text)
        let labels = try record.labels("labels")
        let corrected = try record.labels("corrected_labels")
        let ours = ReferenceDecoder.correctedLabels(labels)
        guard ours == corrected else { return "labels \(Self.letters(corrected)), got \(Self.letters(ours))" }
        let bytes = Array(text.utf8)
        let spans = ReferenceDecoder.spans(
            text: bytes, tokens: try record.ranges("token_offsets", in: offsets), labels: ours,
            minSpanTokens: try record.member("min_keyword_len", \.integer),
            wholeSentences: try record.member("complete_sentence", \.bool))
        let got = spans.map { span in
            Recorded(text: String(decoding: bytes[span.strippedBytes], as: UTF8.self), bytes: span.bytes)
        }
        let expected = try record.recordedSpans("spans", offsets)
        return got == expected ? nil : "spans \(expected), got \(got)"
    }

    private static func letters(_ labels: [BIOE]) -> String { String(labels.map(\.letter)) }

    struct Recorded: Equatable {
        var text: String
        var bytes: ByteRange
    }
}

extension JSONObject {
    fileprivate func recordedSpans(
        _ key: String, _ offsets: CodePointOffsets
    ) throws(CPRSError) -> [SpanVectors.Recorded] {
        try self.list(key) { value in
            guard let span = value.object, let text = span["text"]?.string, let start = span["start"]?.integer,
                let end = span["end"]?.integer, let bytes = offsets.bytes(start, end)
            else { return nil }
            return SpanVectors.Recorded(text: text, bytes: bytes)
        }
    }
}
