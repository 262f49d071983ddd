internal import ArgumentParser
internal import CPRSCore
internal import CPRSRuntime
internal import CPRSTensors

/// Which model to use and how much of the machine.
struct ModelOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Model folder as Hugging Face writes it (default: the model that ships with cprs).", valueName: "dir"))
    var model: String?

    @Option(help: "Compute threads (default: all cores this process may use).")
    var threads: Int?

    /// The model's folder.
    func folder() throws(CPRSError) -> String {
        if let model = self.model { return model }
        return try Self.defaultFolder()
    }

    /// The folder of the model that ships with cprs.
    static func defaultFolder() throws(CPRSError) -> String { try ModelLocation.defaultFolder() }

    /// The number of threads; the pool checks its range.
    var threadCount: Int { self.threads ?? ComputePool.availableCores }
}
