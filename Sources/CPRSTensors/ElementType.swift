/// How a stored tensor's elements are written.
package enum ElementType: String, Hashable, Sendable, CaseIterable {
    /// IEEE binary32.
    case f32 = "F32"
    /// IEEE binary16.
    case f16 = "F16"
    /// The upper half of a binary32.
    case bf16 = "BF16"

    /// Bytes per element.
    package var bytes: Int { self == .f32 ? 4 : 2 }

    /// What the safetensors format calls plain bytes: stored, never computed with.
    static let bytesName = "U8"

    /// Element types that the safetensors format knows and this program does not compute with.
    static let unsupportedNames: Set<String> = [
        "BOOL", "U8", "I8", "I16", "U16", "I32", "U32", "F64", "I64", "U64", "F8_E5M2", "F8_E4M3", "F8_E8M0",
        "F6_E2M3", "F6_E3M2", "F4", "C64",
    ]
}
