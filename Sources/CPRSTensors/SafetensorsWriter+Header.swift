internal import CPRSJSON

extension SafetensorsWriter {
    /// Tensors that only fill the space before the next multiple of ``alignment`` are named so and a number.
    package static let paddingPrefix = "padding."

    /// The tensors, each followed by padding where its size asks for it.
    static func padded(_ tensors: [TensorPlan]) -> [TensorPlan] {
        var all: [TensorPlan] = []
        for tensor in tensors {
            all.append(tensor)
            let rest = tensor.byteCount % Self.alignment
            guard rest > 0 else { continue }
            let name = "\(Self.paddingPrefix)\(all.count)"
            all.append(TensorPlan(name: name, type: nil, shape: [Self.alignment - rest]))
        }
        return all
    }

    /// A file's bytes up to the first tensor. Their number does not depend on the hashes.
    static func header(
        _ tensors: [TensorPlan], _ metadata: [String: String], _ manifest: SafetensorsManifest
    ) -> [UInt8] {
        let all = Self.metadata(metadata, manifest).sorted { $0.key < $1.key }
        let entries = all.map { JSONText.quoted($0.key) + ":" + JSONText.quoted($0.value) }
        var members = ["\"__metadata__\":{\(entries.joined(separator: ","))}"]
        var offset = 0
        for tensor in tensors {
            let end = offset + tensor.byteCount
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            members.append(
                "\(JSONText.quoted(tensor.name)):{\"dtype\":\"\(tensor.type?.rawValue ?? ElementType.bytesName)\","
                    + "\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}")
            offset = end
        }
        var json = Array("{\(members.joined(separator: ","))}".utf8)
        // The format allows spaces after the object.
        while !(8 + json.count).isMultiple(of: Self.pageBytes) { json.append(UInt8(ascii: " ")) }
        return (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) } + json
    }

    /// A file's metadata with its manifest and digest.
    static func metadata(_ metadata: [String: String], _ manifest: SafetensorsManifest) -> [String: String] {
        var all = metadata
        all[SafetensorsManifest.key] = manifest.text
        all[SafetensorsManifest.digestKey] = SafetensorsManifest.digest(of: all)
        return all
    }
}
