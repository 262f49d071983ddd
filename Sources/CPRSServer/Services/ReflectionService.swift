package import CPRSCore
package import CPRSWire
package import GRPCCore
internal import SwiftProtobuf

/// `grpc.reflection.v1.ServerReflection`: tools can call this server without our .proto files.
package final class ReflectionService: Sendable {
    private let files: DescriptorIndex

    /// - Throws: `internal` if the descriptors that were built in do not parse.
    package init() throws(CPRSError) {
        self.files = try DescriptorIndex()
    }

    private func answer(
        _ request: Grpc_Reflection_V1_ServerReflectionRequest
    ) -> Grpc_Reflection_V1_ServerReflectionResponse {
        var response = Grpc_Reflection_V1_ServerReflectionResponse()
        response.validHost = request.host
        response.originalRequest = request
        switch request.messageRequest {
        case .listServices:
            response.listServicesResponse.service = self.files.services.map { name in .with { $0.name = name } }
        case .fileByFilename(let name): self.answer(self.files.file(name: name), name, &response)
        case .fileContainingSymbol(let name): self.answer(self.files.file(symbol: name), name, &response)
        case .fileContainingExtension, .allExtensionNumbersOfType:
            response.errorResponse = Self.notFound("no message here can be extended")
        case nil:
            response.errorResponse = .with {
                $0.errorCode = Int32(RPCError.Code.invalidArgument.rawValue)
                $0.errorMessage = "message_request must be set"
            }
        }
        return response
    }

    private func answer(
        _ file: DescriptorIndex.File?, _ name: String, _ response: inout Grpc_Reflection_V1_ServerReflectionResponse
    ) {
        if let file {
            response.fileDescriptorResponse.fileDescriptorProto = [.init(wire: file.bytes)]
        } else {
            response.errorResponse = Self.notFound("no '\(name)' here")
        }
    }

    private static func notFound(_ message: String) -> Grpc_Reflection_V1_ErrorResponse {
        .with {
            $0.errorCode = Int32(RPCError.Code.notFound.rawValue)
            $0.errorMessage = message
        }
    }
}

extension ReflectionService: Grpc_Reflection_V1_ServerReflection.ServiceProtocol {
    package func serverReflectionInfo(
        request: StreamingServerRequest<Grpc_Reflection_V1_ServerReflectionRequest>, context: ServerContext
    ) async throws -> StreamingServerResponse<Grpc_Reflection_V1_ServerReflectionResponse> {
        StreamingServerResponse { writer in
            for try await message in request.messages { try await writer.write(self.answer(message)) }
            return [:]
        }
    }
}
