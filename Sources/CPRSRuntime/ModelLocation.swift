package import CPRSCore
internal import Glibc

/// Where the model that ships with cprs lies on this machine.
package enum ModelLocation {
    private static let resources = "cprs_CPRSRuntime.resources/default-model"
    private static let installed = "../share/cprs/default-model"

    /// The default model's folder: `CPRS_MODEL` if set, else beside the executable, else in the installation's share.
    ///
    /// - Throws: `notFound` naming every place that was tried.
    package static func defaultFolder() throws(CPRSError) -> String {
        if let path = getenv("CPRS_MODEL") { return String(cString: path) }
        let folder = try Self.executableFolder()
        let candidates = [folder + "/" + Self.resources, folder + "/" + Self.installed]
        for candidate in candidates where access(candidate + "/config.json", R_OK) == 0 { return candidate }
        throw CPRSError(
            code: .notFound,
            message:
                "no default model: looked in \(candidates.joined(separator: " and ")); name one with --model or CPRS_MODEL"
        )
    }

    private static func executableFolder() throws(CPRSError) -> String {
        let capacity = Int(PATH_MAX)
        let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, initialized in
            initialized = buffer.withMemoryRebound(to: CChar.self) { path in
                // The capacity is not 0, so there is a first element.
                max(0, readlink("/proc/self/exe", path.baseAddress!, capacity))
            }
        }
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else {
            throw CPRSError(code: .notFound, message: "cannot read /proc/self/exe to find the default model")
        }
        return String(decoding: bytes[..<slash], as: UTF8.self)
    }
}
