internal import ArgumentParser
internal import CPRSCore
internal import CPRSModel
internal import CPRSRuntime

struct BenchCommand: ParsableCommand {
    enum Precision: String, CaseIterable, ExpressibleByArgument {
        case f32
    }

    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure the forward pass on this machine.",
        discussion: """
            Scores windows of random tokens, with a model's weights or with random ones of a published shape, and sets \
            the speed against this machine's own cblas_sgemm at the same matrix shapes, measured between the runs.

              cprs bench --shape qwen2-0.5b --window 2048 --threads 2 --precision f32
            """)

    private static let shapes = Qwen2Config.shapeNames.joined(separator: ", ")

    @Option(help: ArgumentHelp("Random weights of this shape: \(Self.shapes).", valueName: "name"))
    var shape: String?

    @OptionGroup var modelOptions: ModelOptions

    @Option(help: "Tokens in a window (default: what the model was trained for).")
    var window: Int?

    @Option(help: "Arithmetic of the linear layers: f32.")
    var precision: Precision = .f32

    @Option(help: "Measured runs; the median counts.")
    var runs = 5

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        let threads = self.modelOptions.threadCount
        let critic: Qwen2Critic
        let name: String
        if let shape = self.shape {
            guard self.modelOptions.model == nil else {
                throw CPRSError(code: .invalidArgument, message: "--shape and --model exclude each other")
            }
            let config = try Qwen2Config.shape(named: shape)
            name = shape
            critic = try Qwen2Critic(
                random: config, seed: 1, threads: threads, windowTokens: self.window ?? config.trainedWindowTokens)
        } else {
            name = try self.modelOptions.path()
            critic = try ModelSource(path: name).critic(threads: threads, windowTokens: self.window)
        }
        let result = try ForwardBenchmark.run(
            critic, windowTokens: self.window ?? critic.config.trainedWindowTokens, runs: self.runs, threads: threads)
        Console.write(self.json ? Self.json(result, name, threads) : Self.table(result, name, threads))
        Console.flush()
    }

    private static func table(_ result: ForwardBenchmark.Result, _ name: String, _ threads: Int) -> String {
        let shares = Self.shares(result).map { "\($0.stage) \(Format.fixed(100 * $0.share, 1))%" }
        let sorted = result.runs.sorted()
        let peak = Format.fixed(100 * result.fraction, 1)
        return """
            model     \(name), f32, \(threads) threads, \(result.kernels) kernels
            window    \(result.windowTokens) tokens
            speed     \(Format.fixed(result.tokensPerSecond, 1)) tokens/s, median of \(sorted.count) \
            (\(Format.fixed(sorted[0], 1)) to \(Format.fixed(sorted[sorted.count - 1], 1)))
            rate      \(Format.fixed(result.gigaflops, 1)) GFLOP/s: \(peak)% of this machine's cblas_sgemm at the same \
            shapes, \(Format.fixed(result.sgemmGigaflops, 1)) GFLOP/s
            work      \(Format.grouped(result.cost.total / result.windowTokens)) multiply-adds a token: \
            \(Format.fixed(100 * Double(result.cost.attention) / Double(result.cost.total), 1))% attention
            stages    \(shares.joined(separator: ", "))

            """
    }

    private static func json(_ result: ForwardBenchmark.Result, _ name: String, _ threads: Int) -> String {
        let shares = Self.shares(result).map { "\"\($0.stage)\":\(Format.fixed($0.share, 4))" }.joined(separator: ",")
        return "{\"model\":\(JSONText.quoted(name)),\"precision\":\"f32\",\"threads\":\(threads),"
            + "\"kernels\":\"\(result.kernels)\",\"window\":\(result.windowTokens),"
            + "\"tokens_per_second\":\(JSONText.number(result.tokensPerSecond)),\"runs\":\(result.runs),"
            + "\"multiply_adds\":\(result.cost.total),\"gigaflops\":\(JSONText.number(result.gigaflops)),"
            + "\"sgemm_gigaflops\":\(JSONText.number(result.sgemmGigaflops)),"
            + "\"fraction\":\(JSONText.number(result.fraction)),\"stages\":{\(shares)}}\n"
    }

    private static func shares(_ result: ForwardBenchmark.Result) -> [(stage: String, share: Double)] {
        let timings = result.timings
        let total = (timings.qkv + timings.attention + timings.mlp + timings.head).seconds
        return [
            ("qkv", timings.qkv), ("attention", timings.attention), ("mlp", timings.mlp), ("head", timings.head),
        ].map { ($0.0, total > 0 ? $0.1.seconds / total : 0) }
    }
}
