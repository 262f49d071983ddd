internal import Glibc

/// Where the golden vectors lie when the checkout has them beside it.
package enum SharedData {
    /// The folder beside the package, found from this file's own path.
    package static let root: String = {
        let file = #filePath
        let parts = file.split(separator: "/", omittingEmptySubsequences: false)
        // .../<checkout>/Tests/CPRSTestSupport/SharedData.swift -> .../shared
        return parts.dropLast(4).joined(separator: "/") + "/shared"
    }()

    /// The golden vectors' folder, or nil when it is absent: such tests report themselves skipped.
    package static let golden: String? = Self.existing("data/golden")

    /// A path below the shared folder if it exists.
    package static func existing(_ path: String) -> String? {
        let full = Self.root + "/" + path
        return access(full, R_OK) == 0 ? full : nil
    }
}
