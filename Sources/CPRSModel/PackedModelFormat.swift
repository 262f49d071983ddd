internal import CPRSCore
internal import CPRSTensors

/// What makes a safetensors file a packed model: constants, and the text of the metadata.
///
/// The file is a safetensors file that ``SafetensorsWriter`` lays out. Its `__metadata__` holds:
/// - `format` and `version`;
/// - `packing`: a line for each packed matrix: its name, `int8` or `bf16`, and the group (see ``Packing/Recipe``);
/// - `manifest` and `digest`: see ``SafetensorsManifest``.
///
/// Its tensors are those of ``PackedModelLayout``; the model folder's small files, byte for byte, under `files/`; and
/// the tensors of every further `cprs_*.safetensors` of the folder under `extras/`, the file's name without its
/// ending, and `/`.
enum PackedModelFormat {
    static let name = "cprs packed model"
    /// A file of another version is refused. Raised when a reader of the old version would misread a new file.
    static let version = 1

    static let formatKey = "format"
    static let versionKey = "version"
    static let packingKey = "packing"
    static let filesPrefix = "files/"
    static let extrasPrefix = "extras/"

    /// The packed matrices and how each is packed.
    static func packing(of layout: PackedModelLayout) -> String {
        layout.all.compactMap { item in
            guard case .packed(_, let layout) = item.content else { return nil }
            return "\(item.plan.name) \(layout.precision.rawValue) \(layout.group)\n"
        }.joined()
    }

    /// Reads what ``packing(of:)`` wrote.
    ///
    /// - Throws: `modelUnusable` with the line that is not one.
    static func packing(_ text: String, path: String) throws(CPRSError) -> [String: Packing.Recipe] {
        var recipes: [String: Packing.Recipe] = [:]
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ", omittingEmptySubsequences: false)
            guard fields.count == 3, let precision = Precision(rawValue: String(fields[1])), precision != .f32,
                let group = Int(fields[2]), (0...Packing.Recipe.maxGroup).contains(group), group.isMultiple(of: 16),
                precision == .int8 || group == 0
            else {
                throw CPRSError(
                    code: .modelUnusable,
                    message: "\(path): packing: \"\(line.prefix(80))\" must be a name, bf16 or int8, and a group: a"
                        + " multiple of 16, 0 for bf16")
            }
            recipes[String(fields[0])] = Packing.Recipe(precision: precision, group: group)
        }
        return recipes
    }

    /// Checks `format` and `version`.
    static func check(_ metadata: [String: String], path: String) throws(CPRSError) {
        guard metadata[Self.formatKey] == Self.name else {
            throw CPRSError(
                code: .modelUnusable,
                message: "\(path): a safetensors file, but not a packed model; `cprs pack` makes one of a model folder")
        }
        guard let text = metadata[Self.versionKey], let version = Int(text), version > 0 else {
            throw CPRSError(
                code: .modelUnusable,
                message: "\(path): version must be a whole number above 0 (got \"\(metadata[Self.versionKey] ?? "")\")")
        }
        guard version == Self.version else {
            throw CPRSError(
                code: .modelUnusable,
                message: "\(path): a packed model of version \(version); this program reads version \(Self.version):"
                    + (version > Self.version ? " update it, or" : "") + " pack the model folder again with it")
        }
    }
}
