internal import ArgumentParser
internal import CPRSCore
internal import CPRSEngine
internal import CPRSRuntime
internal import CPRSSegmentation

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
            printed at the end.

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

    @Flag(help: "No progress bar and no summary on standard error.")
    var quiet = false

    func run() throws {
        let openStarted = ContinuousClock.now
        var request = CompressionRequest(preset: .fact, query: self.query)
        try self.selection.apply(to: &request)
        request.windowTokens = self.window
        try request.validate()
        let preset = try self.namedPreset()
        let source = try ContextSource(path: self.file)

        let model = try LoadedModel(
            folder: self.modelOptions.folder(), threads: self.modelOptions.threadCount, windowTokens: self.window)
        self.chooseInstruction(&request, preset: preset, trained: model.trainedInstruction)
        try self.checkQuery(preset: preset)
        let session = try model.session(for: request)
        let openSeconds = (ContinuousClock.now - openStarted).seconds
        var run = CompressionRun(
            session: session, critic: model.critic, source: source, writer: self.writer(),
            showsProgress: !self.quiet && Console.errorIsTerminal)
        let summary = try run.execute(
            heading: ResultHeading(model: model.name, source: source.name, query: self.query), openSeconds: openSeconds)
        self.report(summary, request)
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
    private func chooseInstruction(_ request: inout CompressionRequest, preset: Preset?, trained: String?) {
        let chosen = (preset ?? .fact).resolved(trained: trained)
        request.instruction = self.instruction ?? chosen.instruction
        request.tags = self.tags
        if self.tags.isEmpty { request.tags = self.instruction.map(Preset.tags(in:)) ?? chosen.tags }
        request.granularity = self.selection.granularity ?? chosen.granularity
        request.matchesWords = self.selection.wordMatching.map { $0 == .on } ?? chosen.matchesWords
    }

    private func checkQuery(preset: Preset?) throws(CPRSError) {
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

    private func report(_ summary: CompressionSummary, _ request: CompressionRequest) {
        if summary.keptSpans == 0 {
            let best = summary.bestDroppedScore.map { "; the best score was \(Format.fixed(Double($0), 3))" } ?? ""
            Console.note("cprs: nothing was kept\(best): try a lower --threshold, or a budget such as --ratio 0.05")
        }
        if !self.quiet, Console.errorIsTerminal { Console.note(summary.sentence) }
    }
}
