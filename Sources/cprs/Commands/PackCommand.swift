internal import ArgumentParser
internal import CPRSCore
internal import CPRSModel
internal import CPRSRuntime
internal import CPRSTensors

struct PackCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pack",
        abstract: "Make one file of a model folder that opens at once.",
        discussion: """
            The file holds the linear layers in the layout that the kernels multiply, tokenizer, config and presets. It is \
            mapped, so that opening it reads next to nothing and all processes share one copy; tools that read \
            safetensors can open it. Norms, biases and the label head stay float32; the embedding and the LM head are \
            rounded to bfloat16. Until it is complete it is called FILE.partial; what an interrupted run leaves of that, the \
            next one overwrites.

              cprs pack ~/models/QwenLong-CPRS-7B --precision int8 -o critic.cprs
              cprs compress book.txt --query "Who is Irene Adler?" --model critic.cprs
              cprs pack --shape qwen2-0.5b --precision bf16 -o random.cprs    # to measure
            """)

    private static let shapes = Qwen2Config.shapeNames.joined(separator: ", ")

    @Argument(help: "Model folder as Hugging Face writes it.")
    var model: String?

    @Option(help: ArgumentHelp("Random weights of this shape, without a tokenizer: \(Self.shapes).", valueName: "name"))
    var shape: String?

    @Option(help: "Arithmetic that the file is for: int8 or bf16.")
    var precision: Precision

    @Option(
        help: ArgumentHelp(
            "int8: inputs that share a scale, a multiple of 16; smaller is more exact and slower. 0: all of an output's.",
            valueName: "n"))
    var group = 0

    @Option(
        name: .customLong("bf16"),
        help: ArgumentHelp(
            "int8: hold these matrices in bf16, 'layers.5.down', all of 'layers.5', or 'down' in every layer; repeatable. Those that the config names (cprs_bf16) always are.",
            valueName: "name"))
    var bf16: [String] = []

    @Option(name: .shortAndLong, help: ArgumentHelp("The file to write.", valueName: "file"))
    var output: String

    @Flag(help: "Replace the file if it exists.")
    var force = false

    @Option(help: "Compute threads (default: all cores this process may use).")
    var threads: Int?

    func run() throws {
        let started = ContinuousClock.now
        let pool = try ComputePool(threads: self.threads ?? ComputePool.availableCores)
        let packing = Packing(self.precision, group: self.group, bf16: self.bf16)
        var bar = ShareBar(what: "packed")
        let report: PackedModelWriter.Report
        switch (self.model, self.shape) {
        case (let folder?, nil):
            report = try ModelPacker.pack(
                folder: folder, packing: packing, to: self.output, replaces: self.force, pool: pool
            ) { bar.update($0, of: $1) }
        case (nil, let shape?):
            report = try ModelPacker.pack(
                shape: Qwen2Config.shape(named: shape), packing: packing, to: self.output, replaces: self.force,
                pool: pool
            ) { bar.update($0, of: $1) }
        default:
            throw CPRSError(code: .invalidArgument, message: "name either a model folder or a --shape")
        }
        bar.clear()
        let seconds = (ContinuousClock.now - started).seconds
        Console.write(
            """
            file         \(self.output), \(Format.bytes(report.fileBytes))
            parameters   \(Format.grouped(report.parameters)), \
            \(Format.fixed(8 * Double(report.fileBytes) / Double(report.parameters), 2)) bits each
            precision    \(self.precision.rawValue)\(self.group > 0 ? ", groups of \(self.group)" : "")\
            \(self.bf16.isEmpty ? "" : ", but bf16 for \(self.bf16.joined(separator: ", "))")
            digest       \(report.digest)
            packed in    \(Format.fixed(seconds, 1)) s

            """)
        Console.flush()
    }
}
