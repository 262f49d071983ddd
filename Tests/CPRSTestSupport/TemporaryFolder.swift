internal import Glibc

/// A folder that is removed with the files in it when the object goes away.
package final class TemporaryFolder {
    package let path: String

    /// Makes one in `parent`, whose path is short by default: sockets' paths end at 107 bytes.
    package init(in parent: String = "/tmp") {
        var template = Array("\(parent)/cprs-test-XXXXXX".utf8CString)
        // The template ends in six X, so only a missing, full or read-only parent can make this fail.
        self.path = String(cString: mkdtemp(&template)!)
    }

    deinit {
        if let folder = opendir(self.path) {
            while let entry = readdir(folder) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
                unlink(self.path + "/" + name)
            }
            closedir(folder)
        }
        rmdir(self.path)
    }

    /// Calls `body` with the path of a folder that is gone afterwards.
    package static func with<Result>(_ body: (String) async throws -> Result) async throws -> Result {
        let folder = TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        return try await body(folder.path)
    }

    /// Writes a file and returns its path.
    @discardableResult
    package func write(_ bytes: [UInt8], to name: String) -> String {
        let path = self.path + "/" + name
        // The folder was just made and is writable.
        let file = fopen(path, "wb")!
        fwrite(bytes, 1, bytes.count, file)
        fclose(file)
        return path
    }

    /// Writes a text file and returns its path.
    @discardableResult
    package func write(_ text: String, to name: String) -> String { self.write(Array(text.utf8), to: name) }
}
