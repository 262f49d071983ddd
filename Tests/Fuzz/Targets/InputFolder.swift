internal import CPRSTestSupport
internal import Glibc

/// A folder for readers that take a path, in `TMPDIR` if that is set.
struct InputFolder {
    private let folder = TemporaryFolder(in: getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")

    var path: String { self.folder.path }

    /// Writes a file anew and returns its path.
    @discardableResult
    func write(_ bytes: [UInt8], to name: String) -> String {
        // Some file systems write a file to disk when it is truncated, but not when it is new.
        unlink(self.path + "/" + name)
        return self.folder.write(bytes, to: name)
    }
}
