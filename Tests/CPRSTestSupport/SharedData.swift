internal import Glibc

/// Files that tests read, found from this file's own path.
package enum SharedData {
    /// The checkout.
    private static let checkout = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        .joined(separator: "/")

    /// The folder beside the checkout that golden vectors lie in.
    package static let root = Self.checkout + "/../shared"

    /// The golden vectors' folder, or nil when it is absent: such tests report themselves skipped.
    package static let golden: String? = Self.existing("data/golden")

    /// The model that ships with the package: a packed file.
    package static let defaultModel = Self.checkout + "/Sources/CPRSRuntime/Resources/default-model.cprs"

    /// A model folder as Hugging Face writes it: the default model's tokenizer and small random weights.
    package static let modelFolder = Self.fixture("model")

    /// A path below the shared folder if it exists.
    package static func existing(_ path: String) -> String? {
        let full = Self.root + "/" + path
        return access(full, R_OK) == 0 ? full : nil
    }

    /// The project's front page.
    package static let readme = Self.checkout + "/README.md"

    /// What is promised about limits and threats.
    package static let security = Self.checkout + "/SECURITY.md"

    /// The protocol's source.
    package static let proto = Self.checkout + "/Protos/cprs/v1/cprs.proto"

    /// A text that ships with the tests.
    package static func fixture(_ name: String) -> String { Self.checkout + "/Tests/Fixtures/" + name }
}
