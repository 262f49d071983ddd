// The generated messages hold bytes as `Data`; this file is the only one that knows.
package import FoundationEssentials

extension [UInt8] {
    /// The bytes of a message field.
    package init(wire data: Data) { self = data.withUnsafeBytes { Array($0) } }
}

extension Data {
    /// The value of a message field.
    package init(wire bytes: some Sequence<UInt8>) { self = Data(bytes) }

    /// The value of a message field, in one copy.
    package init(wire bytes: ArraySlice<UInt8>) {
        self = bytes.withUnsafeBytes {
            $0.baseAddress.map { [count = bytes.count] in Data(bytes: $0, count: count) } ?? Data()
        }
    }

    /// The value of a message field, in one copy.
    package init(wire bytes: [UInt8]) { self.init(wire: bytes[...]) }
}
