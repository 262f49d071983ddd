import CPRSTestSupport
import Testing

/// The model folder of the fixtures as one file of `cprs pack`.
enum PackedModel {
    /// Packs it; the file's path in `folder`.
    static func write(_ precision: String, in folder: TemporaryFolder) throws -> String {
        let path = "\(folder.path)/\(precision).cprs"
        let result = try CommandLine.run(
            ["pack", SharedData.modelFolder, "--precision", precision, "--output", path])
        try #require(result.status == 0, "\(result.error)")
        return path
    }
}
