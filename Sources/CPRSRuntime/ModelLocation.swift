package import CPRSCore
internal import Glibc

/// Where the model that ships with cprs lies on this machine.
package enum ModelLocation {
    /// How the names of packed files end. Nothing depends on it: what is in a file decides.
    package static let fileExtension = ".cprs"

    /// Beside the executable, and in an installation's share.
    private static let places = ["cprs_CPRSRuntime.resources/default-model.cprs", "../share/cprs/default-model.cprs"]

    /// The default model: `CPRS_MODEL` if set, else beside the executable, else in the installation's share.
    ///
    /// - Throws: `notFound` naming every place that was tried.
    package static func defaultModel() throws(CPRSError) -> String {
        if let path = getenv("CPRS_MODEL") { return String(cString: path) }
        let folder = try Self.executableFolder()
        let places = Self.places.map { folder + "/" + $0 }
        if let place = places.first(where: { access($0, R_OK) == 0 }) { return place }
        throw CPRSError(
            code: .notFound,
            message: "no default model: looked for \(places.joined(separator: " and "));"
                + " name one with --model or CPRS_MODEL"
        )
    }

    /// What people call the model at `path`: the last part of it, without the packed file's ending.
    package static func name(of path: String) -> String {
        let last = path.split(separator: "/").last.map(String.init) ?? path
        let isPacked = last.hasSuffix(Self.fileExtension) && last != Self.fileExtension
        return isPacked ? String(last.dropLast(Self.fileExtension.count)) : last
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
