internal import CPRSCore
internal import CPRSEngine
internal import CPRSJSON

/// One JSON object for the whole result, its spans one a line; or, as JSON Lines, one object a span and a last one with
/// the figures.
struct JSONWriter: ResultWriter {
    let wantsDropped = false
    /// JSON Lines instead of one document.
    let lines: Bool
    private var heading = ResultHeading(model: "", source: "", query: "")
    private var spans = 0

    init(lines: Bool) { self.lines = lines }

    mutating func begin(_ heading: ResultHeading) {
        self.heading = heading
        if !self.lines { Console.write("{\"model\":\(JSONText.quoted(heading.model)),\"spans\":[") }
    }

    mutating func kept(_ span: KeptSpan, text: [UInt8]) {
        if !self.lines { Console.write(self.spans == 0 ? "\n" : ",\n") }
        self.spans += 1
        let tag = span.tag.map(JSONText.quoted) ?? "null"
        Console.write("{\"start\":\(span.bytes.lowerBound),\"end\":\(span.bytes.upperBound),\"text\":")
        Console.write(JSONText.quoted(text))
        Console.write(",\"tag\":\(tag),\"score\":\(JSONText.number(span.score)),\"tokens\":\(span.tokens)")
        Console.write(",\"forced\":\(span.forced)}")
        if self.lines {
            Console.write("\n")
            Console.flush()
        }
    }

    mutating func dropped(_ text: [UInt8]) {}

    mutating func finish(_ summary: CompressionSummary, openSeconds: Double) {
        let model = self.lines ? "{\"model\":\(JSONText.quoted(self.heading.model))," : "\n],"
        let best = summary.bestDroppedScore.map(JSONText.number) ?? "null"
        Console.write(
            "\(model)\"context_bytes\":\(summary.contextBytes),\"context_tokens\":\(summary.contextTokens),"
                + "\"kept_bytes\":\(summary.keptBytes),\"kept_tokens\":\(summary.keptTokens),"
                + "\"ratio\":\(JSONText.number(summary.ratio)),\"windows\":\(summary.windows),"
                + "\"best_dropped_score\":\(best),\"timings\":\(Self.timings(summary, openSeconds))}\n")
    }

    /// Seconds by stage.
    private static func timings(_ summary: CompressionSummary, _ openSeconds: Double) -> String {
        let stages: [(String, Double)] = [
            ("open", openSeconds), ("total", summary.elapsed.seconds), ("qkv", summary.timings.qkv.seconds),
            ("attention", summary.timings.attention.seconds), ("mlp", summary.timings.mlp.seconds),
            ("head", summary.timings.head.seconds), ("wait", summary.timings.wait.seconds),
        ]
        return "{" + stages.map { "\"\($0)\":\(Format.fixed($1, 6))" }.joined(separator: ",") + "}"
    }
}
