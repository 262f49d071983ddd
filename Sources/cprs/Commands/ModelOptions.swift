internal import ArgumentParser
internal import CPRSCore
internal import CPRSRuntime
internal import CPRSTensors

/// Which model to use and how much of the machine.
struct ModelOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Model folder as Hugging Face writes it, or a file of `cprs pack` (default: the model that ships with cprs).",
            valueName: "path"))
    var model: String?

    @Option(help: "Compute threads (default: all cores this process may use).")
    var threads: Int?

    /// Where the model lies: a folder or a packed file.
    func path() throws(CPRSError) -> String {
        if let model = self.model { return model }
        return try Self.defaultModel()
    }

    /// Where the model that ships with cprs lies.
    static func defaultModel() throws(CPRSError) -> String { try ModelLocation.defaultModel() }

    /// The number of threads; the pool checks its range.
    var threadCount: Int { self.threads ?? ComputePool.availableCores }
}

/// In what arithmetic to compute.
struct PrecisionOptions: ParsableArguments {
    @Option(
        help: """
            Arithmetic of the linear layers: f32, bf16 or int8. A folder is packed in memory for bf16 and int8, which takes \
            time at every start; `cprs pack` does it once (default: f32 for a folder, a packed file's own).
            """)
    var precision: Precision?
}

extension Precision: ExpressibleByArgument {}
