internal import CPRSCore
internal import Glibc

/// Names of the files in a folder.
enum DirectoryListing {
    /// - Throws: `notFound` if the folder cannot be read.
    static func names(_ path: String) throws(CPRSError) -> [String] {
        guard let folder = opendir(path) else {
            throw CPRSError(
                code: .notFound, message: "\(path): cannot be listed (\(String(cString: strerror(errno))))")
        }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            names.append(
                withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                })
        }
        return names
    }
}
