internal import ArgumentParser
internal import CPRSCore
internal import CPRSModel
internal import CPRSRuntime
internal import CPRSTensors

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure the forward pass on this machine.",
        discussion: """
            Scores windows of random tokens, with a model's weights or with random ones of a published shape, and sets \
            the speed against what this machine's multiply-and-add instructions reach on registers, and against whole \
            matrix products of the same shapes (f32: cblas_sgemm), both measured between the runs.

              cprs bench --shape qwen2-0.5b --window 2048 --threads 2 --precision int8
              cprs bench --shape qwen2-0.5b --precision bf16 --prefix-reuse --runs 3
            """)

    private static let shapes = Qwen2Config.shapeNames.joined(separator: ", ")
    /// Windows at which the saving of prefix reuse is measured, and the prompt's length in them.
    private static let reuseWindows = [512, 2048, 8192]
    private static let reusePromptTokens = 256

    @Option(help: ArgumentHelp("Random weights of this shape: \(Self.shapes).", valueName: "name"))
    var shape: String?

    @OptionGroup var modelOptions: ModelOptions

    @Option(help: "Tokens in a window (default: what the model was trained for).")
    var window: Int?

    @OptionGroup var precisionOptions: PrecisionOptions

    @Option(help: "int8, not for a packed file: inputs that share a scale, a multiple of 16; 0 for all of an output.")
    var group = 0

    @Option(help: "Measured runs; the median counts.")
    var runs = 5

    @Flag(
        help: """
            Measure instead what it saves that a prompt of 256 tokens is computed once for all windows of a request, at \
            windows of 512, 2048 and 8192 tokens, as far as the model takes them.
            """)
    var prefixReuse = false

    @Option(
        help: ArgumentHelp("Tokens of the window: their ids, in decimal, apart by white space.", valueName: "file"),
        completion: .file())
    var ids: String?

    @Option(
        help: ArgumentHelp(
            "Write the label logits of all tokens but the first: 4 little-endian float32 a token.", valueName: "file"),
        completion: .file())
    var logits: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if self.prefixReuse, self.window != nil || self.ids != nil || self.logits != nil {
            throw ValidationError("--prefix-reuse has windows of its own: it excludes --window, --ids and --logits")
        }
        if self.ids != nil, self.window != nil { throw ValidationError("--ids and --window exclude each other") }
    }

    func run() throws {
        let ids = try self.ids.map(TokenIDFile.read)
        let (critic, name) = try self.critic(windowTokens: ids?.count ?? self.window)
        let report = BenchReport(model: name, precision: critic.precision, threads: self.modelOptions.threadCount)
        if self.prefixReuse {
            let windows = Self.reuseWindows.filter { $0 <= critic.limits.maxWindowTokens }
            let savings = try windows.map {
                try ForwardBenchmark.prefixSaving(
                    critic, windowTokens: $0, promptTokens: Self.reusePromptTokens, runs: self.runs)
            }
            Console.write(self.json ? report.json(savings) : report.text(savings))
        } else {
            let vocabulary = critic.limits.vocabularySize
            let count = self.window ?? critic.config.trainedWindowTokens
            let result = try ForwardBenchmark.run(
                critic, ids: ids ?? ForwardBenchmark.ids(count, vocabulary: vocabulary), runs: self.runs,
                threads: self.modelOptions.threadCount)
            if let path = self.logits { try FloatFile.write(result.labelLogits, to: path) }
            Console.write(self.json ? report.json(result) : report.text(result))
        }
        Console.flush()
    }

    /// The critic to measure, and its name for people.
    private func critic(windowTokens: Int?) throws(CPRSError) -> (Qwen2Critic, String) {
        let threads = self.modelOptions.threadCount
        let precision = self.precisionOptions.precision
        guard self.group >= 0, self.group.isMultiple(of: 16) else {
            throw CPRSError(code: .invalidArgument, message: "group must be 0 or a multiple of 16 (got \(self.group))")
        }
        guard let shape = self.shape else {
            let path = try self.modelOptions.path()
            let critic = try ModelSource(path: path).critic(
                threads: threads, windowTokens: windowTokens, precision: precision, group: self.group)
            return (critic, path)
        }
        guard self.modelOptions.model == nil else {
            throw CPRSError(code: .invalidArgument, message: "--shape and --model exclude each other")
        }
        let config = try Qwen2Config.shape(named: shape)
        let critic = try Qwen2Critic(
            random: config, seed: 1, threads: threads, windowTokens: windowTokens ?? config.trainedWindowTokens,
            packing: Packing(precision ?? .f32, group: self.group))
        return (critic, shape)
    }
}
