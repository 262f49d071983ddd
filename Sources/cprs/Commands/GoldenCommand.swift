internal import ArgumentParser
internal import CPRSGolden
internal import CPRSTensors

struct GoldenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "golden",
        abstract: "Compare this build with recorded results of the reference implementations.",
        discussion: """
            DIR holds any of tokenizer.jsonl with qwen2/tokenizer.json, models/forward.jsonl with its checkpoints, and \
            spans.jsonl. Prints passed/total for each and the largest error. Exit code 1 on any miss. The forward \
            vectors run in the given precision and are held to its tolerance.
            """)

    @Argument(help: "Folder with the vectors.")
    var dir: String

    @Option(help: "Compute threads.")
    var threads = 1

    @Option(help: "Arithmetic of the forward vectors' linear layers: f32, bf16 or int8.")
    var precision: Precision = .f32

    func run() throws {
        let reports = try GoldenRun(folder: self.dir, threads: self.threads, precision: self.precision).execute()
        for report in reports {
            let measure = report.errorIsRelative ? "max relative error" : "max |error|"
            let error = report.largestError.map { "  \(measure) \($0)" } ?? ""
            Console.write("\(report.family): \(report.passed)/\(report.total)\(error)\n")
            for miss in report.misses { Console.write("  \(miss)\n") }
        }
        Console.flush()
        guard reports.allSatisfy(\.isExact) else { throw ExitCode(1) }
    }
}
