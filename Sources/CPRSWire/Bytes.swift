// The generated messages hold bytes as `Data`; this file is the only one that knows.
package import FoundationEssentials

extension [UInt8] {
    /// The bytes of a message field.
    package init(wire data: Data) { self = data.withUnsafeBytes { Array($0) } }
}

extension Data {
    /// The value of a message field.
    package init(wire bytes: some Sequence<UInt8>) { self = Data(bytes) }
}
