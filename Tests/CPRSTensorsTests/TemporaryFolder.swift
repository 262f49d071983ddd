internal import Glibc

/// A folder that is removed with everything in it when the object goes away.
final class TemporaryFolder {
    let path: String

    init() {
        var template = Array("/tmp/cprs-tensors-XXXXXX".utf8CString)
        // The template ends in six X, so only a full or read-only /tmp can make this fail.
        self.path = String(cString: mkdtemp(&template)!)
    }

    deinit {
        if let folder = opendir(self.path) {
            while let entry = readdir(folder) {
                unlink(
                    self.path + "/"
                        + withUnsafeBytes(of: entry.pointee.d_name) {
                            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                        })
            }
            closedir(folder)
        }
        rmdir(self.path)
    }

    /// Writes a file and returns its path.
    @discardableResult
    func write(_ bytes: [UInt8], to name: String) -> String {
        let path = self.path + "/" + name
        let file = fopen(path, "wb")!
        fwrite(bytes, 1, bytes.count, file)
        fclose(file)
        return path
    }
}

/// A safetensors file with this header text and so many data bytes, which count up from 0.
func safetensors(_ header: String, dataBytes: Int, headerLength: UInt64? = nil) -> [UInt8] {
    let length = headerLength ?? UInt64(header.utf8.count)
    return (0..<8).map { UInt8(truncatingIfNeeded: length >> UInt64(8 * $0)) } + Array(header.utf8)
        + (0..<dataBytes).map { UInt8(truncatingIfNeeded: $0) }
}
