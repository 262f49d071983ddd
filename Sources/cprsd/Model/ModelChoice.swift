internal import CPRSCore
internal import CPRSModel
internal import CPRSRuntime
internal import CPRSTensors

/// Which model is opened, and how; what lies at the path may change from one opening to the next.
struct ModelChoice: Sendable {
    /// Of a model folder or a packed file.
    let path: String
    private let precision: Precision?
    private let threads: Int
    private let windowTokens: Int?

    /// - Throws: `notFound` if none is configured and none ships with this program.
    init(_ configuration: DaemonConfiguration) throws(CPRSError) {
        if let path = configuration.modelPath {
            self.path = path
        } else {
            self.path = try ModelLocation.defaultModel()
        }
        self.precision = configuration.precision
        self.threads = configuration.threads
        self.windowTokens = configuration.windowTokens
    }

    /// Opens it.
    ///
    /// - Throws: `notFound` or `modelUnusable`, naming the file and the defect; `invalidArgument` for a precision that a
    ///   packed file was not made for.
    func load() throws(CPRSError) -> LoadedModel {
        try LoadedModel(
            path: self.path, threads: self.threads, windowTokens: self.windowTokens, precision: self.precision)
    }

    /// What would be opened, in a few words. Reads a packed file's header and no weights.
    ///
    /// - Throws: as ``load()``, as far as the header tells.
    func summary() throws(CPRSError) -> String {
        switch try ModelSource(path: self.path) {
        case .folder(let path):
            return "the folder \(path) in \((self.precision ?? .f32).rawValue)"
        case .packed(let model):
            try model.check(self.precision)
            return "the packed file \(model.path) in \(model.weights.precision.rawValue), digest \(model.digest)"
        }
    }
}
