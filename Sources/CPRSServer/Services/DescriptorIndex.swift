internal import CPRSCore
internal import CPRSWire
internal import SwiftProtobuf

/// The descriptors of every .proto file of this server, by name and by what they declare. None of them imports another.
struct DescriptorIndex: Sendable {
    struct File: Sendable {
        /// A serialized google.protobuf.FileDescriptorProto.
        var bytes: [UInt8]
    }

    private var byName: [String: File] = [:]
    private var bySymbol: [String: String] = [:]
    /// Full names of the services.
    private(set) var services: [String] = []

    init() throws(CPRSError) {
        do {
            let set = try Google_Protobuf_FileDescriptorSet(serializedBytes: Self.builtIn())
            for file in set.file {
                self.byName[file.name] = File(bytes: try file.serializedBytes())
                self.index(file)
            }
        } catch {
            throw CPRSError(code: .internal, message: "the built-in file descriptors do not parse", cause: error)
        }
        self.services.sort()
    }

    func file(name: String) -> File? { self.byName[name] }

    /// The file that declares a service, method, message, field or enum of that full name.
    func file(symbol: String) -> File? { self.bySymbol[symbol].flatMap { self.byName[$0] } }

    private mutating func index(_ file: Google_Protobuf_FileDescriptorProto) {
        for service in file.service {
            let name = "\(file.package).\(service.name)"
            self.services.append(name)
            self.bySymbol[name] = file.name
            for method in service.method { self.bySymbol["\(name).\(method.name)"] = file.name }
        }
        for message in file.messageType { self.index(message, in: file.package, of: file.name) }
        for type in file.enumType { self.bySymbol["\(file.package).\(type.name)"] = file.name }
    }

    private mutating func index(_ message: Google_Protobuf_DescriptorProto, in scope: String, of file: String) {
        let name = "\(scope).\(message.name)"
        self.bySymbol[name] = file
        for field in message.field { self.bySymbol["\(name).\(field.name)"] = file }
        for type in message.enumType { self.bySymbol["\(name).\(type.name)"] = file }
        for nested in message.nestedType { self.index(nested, in: name, of: file) }
    }

    private static func builtIn() -> [UInt8] {
        let digits = fileDescriptorSetHex.withUTF8Buffer { Array($0) }
        func value(_ digit: UInt8) -> UInt8 { digit < 58 ? digit - 48 : digit - 87 }
        return stride(from: 0, to: digits.count - 1, by: 2).map { value(digits[$0]) << 4 | value(digits[$0 + 1]) }
    }
}
