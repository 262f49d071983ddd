internal import CPRSCore
internal import CPRSJSON
internal import CPRSModel
internal import CPRSTensors

/// What a benchmark measured, for people and as JSON.
struct BenchReport {
    /// A path or the name of a shape.
    let model: String
    let precision: Precision
    let threads: Int

    /// A forward pass's figures.
    func text(_ result: ForwardBenchmark.Result) -> String {
        let sorted = result.runs.sorted()
        let attention = 100 * Double(result.cost.attention) / Double(result.cost.total)
        let shares = Self.shares(result.timings).map { "\($0.stage) \(Format.fixed(100 * $0.share, 1))%" }
        let peak =
            result.peak.map {
                "\(Format.fixed(100 * (result.peakFraction ?? 0), 1))% of the time at the registers' peak: \(self.rates($0))"
            } ?? "not measured on this processor"
        let products = self.precision == .f32 ? "cblas_sgemm" : "our own products"
        return """
            model     \(self.model), \(self.precision.rawValue), \(self.threads) threads, \(result.kernels) kernels
            window    \(result.windowTokens) tokens
            speed     \(Format.fixed(result.tokensPerSecond, 1)) tokens/s, median of \(sorted.count) \
            (\(Format.fixed(sorted[0], 1)) to \(Format.fixed(sorted[sorted.count - 1], 1)))
            rate      \(Format.fixed(result.gigaflops, 1)) GOP/s in all
            peak      \(peak)
            products  \(Format.fixed(100 * result.gemmFraction, 1))% of the time at the rate of \(products): \
            \(self.rates(result.gemm))
            work      \(Format.grouped(result.cost.total / result.windowTokens)) multiply-adds a token: \
            \(Format.fixed(attention, 1))% attention
            stages    \(shares.joined(separator: ", "))

            """
    }

    /// A forward pass's figures. Rates are in 10⁹ operations per second, shares of the whole are fractions.
    func json(_ result: ForwardBenchmark.Result) -> String {
        let shares = Self.shares(result.timings).map { "\"\($0.stage)\":\(Format.fixed($0.share, 4))" }
        let sorted = result.runs.sorted()
        return self.head
            + "\"kernels\":\(JSONText.quoted(result.kernels)),\"window\":\(result.windowTokens),"
            + "\"tokens_per_second\":\(JSONText.number(result.tokensPerSecond)),"
            + "\"slowest\":\(JSONText.number(sorted[0])),\"fastest\":\(JSONText.number(sorted[sorted.count - 1])),"
            + "\"runs\":\(result.runs),\"multiply_adds\":{\"linear\":\(result.cost.linear),"
            + "\"attention\":\(result.cost.attention),\"head\":\(result.cost.head)},"
            + "\"gigaflops\":\(JSONText.number(result.gigaflops)),"
            + "\"peak\":\(result.peak.map(Self.json) ?? "null"),"
            + "\"peak_fraction\":\(result.peakFraction.map(JSONText.number) ?? "null"),"
            + "\"gemm\":\(Self.json(result.gemm)),\"gemm_fraction\":\(JSONText.number(result.gemmFraction)),"
            + "\"stages\":{\(shares.joined(separator: ","))}}\n"
    }

    /// The savings of prefix reuse.
    func text(_ savings: [ForwardBenchmark.PrefixSaving]) -> String {
        let lines = savings.map {
            "window    \($0.windowTokens) tokens, \($0.promptTokens) of prompt: first \(Format.fixed($0.firstSeconds, 3)) s,"
                + " next \(Format.fixed($0.nextSeconds, 3)) s, \(Format.fixed(100 * $0.saving, 1))% saved\n"
        }
        return "model     \(self.model), \(self.precision.rawValue), \(self.threads) threads\n" + lines.joined()
    }

    /// The savings of prefix reuse.
    func json(_ savings: [ForwardBenchmark.PrefixSaving]) -> String {
        let items = savings.map {
            "{\"window\":\($0.windowTokens),\"prompt\":\($0.promptTokens),"
                + "\"first_seconds\":\(JSONText.number($0.firstSeconds)),"
                + "\"next_seconds\":\(JSONText.number($0.nextSeconds)),\"saving\":\(JSONText.number($0.saving))}"
        }
        return self.head + "\"prefix_reuse\":[\(items.joined(separator: ","))]}\n"
    }

    private var head: String {
        "{\"model\":\(JSONText.quoted(self.model)),\"precision\":\"\(self.precision.rawValue)\","
            + "\"threads\":\(self.threads),"
    }

    private func rates(_ rates: ForwardBenchmark.Rates) -> String {
        let linear = "\(Format.fixed(rates.linear, 1)) GOP/s"
        return self.precision == .int8 ? "\(linear), attention \(Format.fixed(rates.attention, 1)) in bf16" : linear
    }

    private static func json(_ rates: ForwardBenchmark.Rates) -> String {
        "{\"linear\":\(JSONText.number(rates.linear)),\"attention\":\(JSONText.number(rates.attention))}"
    }

    private static func shares(_ timings: StageTimings) -> [(stage: String, share: Double)] {
        let stages = [
            ("qkv", timings.qkv), ("attention", timings.attention), ("mlp", timings.mlp), ("head", timings.head),
            ("wait", timings.wait),
        ]
        let total = stages.reduce(0) { $0 + $1.1.seconds }
        return stages.map { ($0.0, total > 0 ? $0.1.seconds / total : 0) }
    }
}
