internal import ArgumentParser
internal import CPRSClient
internal import CPRSCore
internal import CPRSEngine
internal import CPRSModel
internal import CPRSRuntime
internal import CPRSSegmentation
internal import CPRSTensors

struct CompressCommand: ParsableCommand {
    enum OutputFormat: String, CaseIterable, ExpressibleByArgument {
        case text, json, jsonl, html
    }

    static let configuration = CommandConfiguration(
        commandName: "compress",
        abstract: "Print the parts of a text that matter for a question.",
        discussion: """
            The output is made of slices of the input, unchanged and in document order. Without a budget, decisions are \
            printed while later text is still being read; with --max-tokens or --ratio the best-scored units are \
            printed at the end. A daemon (cprsd) whose socket exists computes, else this process does; the result is the \
            same.

              cprs compress contract.txt --query "When does the agreement end?"
              cprs compress book.txt --query "Who is Irene Adler?" --max-tokens 300 --format json
              cprs compress app.log --query "disk errors" --granularity line --keep-regex '^ERROR'
              cprs compress book.txt --query "Who is Irene Adler?" --format html > look.html
            """)

    @Argument(help: "The text, UTF-8; - for standard input.")
    var file = "-"

    @Option(name: .shortAndLong, help: "The question that the kept text should answer.")
    var query = ""

    @Option(
        help: ArgumentHelp("A ready instruction: \(Preset.all.map(\.name).joined(separator: ", ")).", valueName: "name")
    )
    var preset: String?

    @Option(help: "Your own instruction; tag words are read from its \"with 'tag'\" rules unless --tag is given.")
    var instruction: String?

    @Option(name: .customLong("tag"), help: "Category word to score; repeatable. 'outside' competes and is never kept.")
    var tags: [String] = []

    @OptionGroup var selection: SelectionOptions

    @Option(
        help:
            "Tokens in a window, instruction and query included; larger costs memory and time per token (default: the model's)."
    )
    var window: Int?

    @Option(help: "Output: text, json, jsonl or html.")
    var format: OutputFormat = .text

    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup var daemonOptions: DaemonOptions

    @Option(
        help: ArgumentHelp("Write digests of the text, of what is kept and of the model.", valueName: "file"))
    var receipt: String?

    @OptionGroup var precisionOptions: PrecisionOptions

    @Flag(help: "No progress bar and no summary on standard error.")
    var quiet = false

    func run() throws {
        let openStarted = ContinuousClock.now
        var request = CPRSEngine.CompressionRequest(preset: .fact, query: self.query)
        try self.selection.apply(to: &request)
        request.windowTokens = self.window
        try request.validate()
        let preset = try self.namedPreset()
        try self.checkTask(preset)
        let place = try self.daemonOptions.place(self.modelOptions, self.precisionOptions)
        let receipt = try self.receipt.map { path throws(CPRSError) in try OutputFile(path: path) }
        let source = try ContextSource(path: self.file, isHashed: receipt != nil)
        let progress =
            !self.quiet && Console.errorIsTerminal ? ProgressBar(totalBytes: source.totalBytes) : nil
        let output = ResultOutput(source: source, writer: self.writer(), query: self.query, progress: progress)

        let summary: CompressionSummary
        if let answer = try self.askDaemon(place, request, preset, source, output) {
            summary = answer
            output.finish(summary, openSeconds: 0)
        } else {
            let model = try self.open(output, receipt)
            self.chooseInstruction(&request, preset: preset, model: model)
            let session = try model.session(for: request)
            let openSeconds = (ContinuousClock.now - openStarted).seconds
            var run = CompressionRun(
                session: session, critic: model.critic, source: source, output: output, progress: progress)
            summary = try run.execute()
            output.finish(summary, openSeconds: openSeconds)
        }
        if let receipt, let text = output.receipt(summary)?.json { try receipt.write(text) }
        self.report(summary)
    }

    /// Lets the daemon compute; nil if this process has to.
    ///
    /// - Throws: `ClientError` if the daemon refuses what this process would refuse too, or if nothing else will do.
    private func askDaemon(
        _ place: DaemonOptions.Place, _ request: CPRSEngine.CompressionRequest, _ preset: Preset?,
        _ source: ContextSource, _ output: ResultOutput
    ) throws -> CompressionSummary? {
        guard case .daemon(let path, let isDemanded) = place else { return nil }
        var request = request
        if let instruction = self.instruction { request.instruction = instruction }
        request.tags = self.tags
        let run = DaemonRun(
            socketPath: path,
            request: DaemonRequest(
                request, preset: self.instruction == nil ? preset ?? .fact : nil,
                granularity: self.selection.granularity, matchesWords: self.selection.matchesWords),
            source: source)
        do { return try run.execute(output) } catch let error as ClientError {
            guard !isDemanded, error.isAboutTheDaemon, !output.hasBegun, source.rewind() else { throw error }
            Console.note("cprs: no answer from the daemon at \(path), computing here: \(error.message)")
            return nil
        }
    }

    private func open(_ output: ResultOutput, _ receipt: OutputFile?) throws(CPRSError) -> LoadedModel {
        let path = try self.modelOptions.path()
        let model = try LoadedModel(
            path: path, threads: self.modelOptions.threadCount, windowTokens: self.window,
            precision: self.precisionOptions.precision)
        self.reportPacking(model)
        // A folder's digest reads all weights, and only a receipt needs it.
        let digest = receipt == nil ? "" : try model.source.digest()
        output.model = ModelIdentity(name: model.name, sha256: digest)
        return model
    }

    private func namedPreset() throws(CPRSError) -> Preset? {
        guard let name = self.preset else { return nil }
        guard self.instruction == nil else {
            throw CPRSError(code: .invalidArgument, message: "--preset and --instruction exclude each other")
        }
        guard let preset = Preset.named(name) else {
            let names = Preset.all.map(\.name).joined(separator: ", ")
            throw CPRSError(code: .invalidArgument, message: "--preset must be one of \(names) (got '\(name)')")
        }
        return preset
    }

    /// The caller's instruction, else the preset's in the wording the model was trained on, else `fact`'s.
    private func chooseInstruction(
        _ request: inout CPRSEngine.CompressionRequest, preset: Preset?, model: LoadedModel
    ) {
        let wanted = preset ?? .fact
        let chosen = model.preset(wanted.name) ?? wanted
        request.instruction = self.instruction ?? chosen.instruction
        request.tags = self.tags
        if self.tags.isEmpty { request.tags = self.instruction.map(Preset.tags(in:)) ?? chosen.tags }
        request.granularity = self.selection.granularity ?? chosen.granularity
        request.matchesWords = self.selection.matchesWords ?? chosen.matchesWords
    }

    /// Checks what the two places would refuse in different words.
    private func checkTask(_ preset: Preset?) throws(CPRSError) {
        if let window = self.window, window < 1 {
            throw CPRSError(code: .invalidArgument, message: "window must be at least 1 token (got \(window))")
        }
        if self.instruction?.isEmpty == true {
            throw CPRSError(code: .invalidArgument, message: "--instruction must not be empty")
        }
        let needsQuery = self.instruction == nil && (preset ?? .fact).needsQuery
        if needsQuery, self.query.isEmpty {
            throw CPRSError(
                code: .invalidArgument,
                message: "--query is empty, and the preset '\((preset ?? .fact).name)' needs a question")
        }
    }

    private func writer() -> any ResultWriter {
        switch self.format {
        case .text: TextWriter()
        case .json: JSONWriter(lines: false)
        case .jsonl: JSONWriter(lines: true)
        case .html: HTMLWriter()
        }
    }

    /// Says how long packing in memory took, so that nobody takes it for the model's speed.
    private func reportPacking(_ model: LoadedModel) {
        guard !self.quiet, model.critic.packingTime > .zero else { return }
        Console.note(
            "cprs: packed \(model.name) for \(model.critic.precision.rawValue) in memory in "
                + "\(Format.fixed(model.critic.packingTime.seconds, 1)) s; `cprs pack` does it once")
    }

    private func report(_ summary: CompressionSummary) {
        if summary.keptSpans == 0 {
            let best = summary.bestDroppedScore.map { "; the best score was \(Format.fixed(Double($0), 3))" } ?? ""
            Console.note("cprs: nothing was kept\(best): try a lower --threshold, or a budget such as --ratio 0.05")
        }
        if !self.quiet, Console.errorIsTerminal { Console.note(summary.sentence) }
    }
}
