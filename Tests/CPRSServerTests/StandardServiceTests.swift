internal import CPRSCore
internal import CPRSServer
internal import CPRSWire
internal import GRPCCore
internal import GRPCInProcessTransport
internal import SwiftProtobuf
internal import Testing

@Suite struct StandardServiceTests {
    typealias Health = Grpc_Health_V1_Health.Client<InProcessTransport.Client>
    typealias Reflection = Grpc_Reflection_V1_ServerReflection.Client<InProcessTransport.Client>

    @Test("health says whether the compressor serves, knows no other service, and tells watchers of changes")
    func health() async throws {
        let service = HealthService()
        try await TestServer.with([service]) { client in
            let health = Health(wrapping: client)
            let name = "cprs.v1.ContextCompressor"
            #expect(try await health.check(.with { $0.service = name }).status == .notServing)
            let seen = try await health.watch(.with { $0.service = name }) { response in
                var seen: [Grpc_Health_V1_HealthCheckResponse.ServingStatus] = []
                for try await message in response.messages {
                    seen.append(message.status)
                    if seen.count == 1 { service.set(isServing: true) }
                    if seen.count == 2 { break }
                }
                return seen
            }
            #expect(seen == [.notServing, .serving])
            #expect(try await health.check(.init()).status == .serving)
            #expect(try await health.list(.init()).statuses.keys.sorted() == ["", name])
            let error = await #expect(throws: RPCError.self) {
                try await health.check(.with { $0.service = "other" })
            }
            #expect(error?.code == .notFound)
        }
    }

    @Test("reflection lists every service and hands out the file that declares a symbol")
    func reflection() async throws {
        let symbols = [
            "cprs.v1.ContextCompressor", "cprs.v1.ContextCompressor.Recut", "cprs.v1.KeptSpan.score",
            "grpc.health.v1.HealthCheckResponse.ServingStatus",
        ]
        let requests: [Grpc_Reflection_V1_ServerReflectionRequest] =
            [.with { $0.listServices = "" }] + symbols.map { symbol in .with { $0.fileContainingSymbol = symbol } }
            + [
                .with { $0.fileByFilename = "cprs/v1/cprs.proto" },
                .with { $0.fileContainingSymbol = "cprs.v1.Nothing" },
            ]
        let responses = try await TestServer.with([ReflectionService()]) { client in
            try await Reflection(wrapping: client).serverReflectionInfo(
                requestProducer: { try await $0.write(contentsOf: requests) },
                onResponse: { response in
                    try await response.messages.reduce(
                        into: [Grpc_Reflection_V1_ServerReflectionResponse]()
                    ) { $0.append($1) }
                })
        }
        #expect(responses.count == requests.count)
        #expect(
            responses[0].listServicesResponse.service.map(\.name) == [
                "cprs.v1.ContextCompressor", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
            ])
        let files = ["cprs/v1/cprs.proto", "cprs/v1/cprs.proto", "cprs/v1/cprs.proto", "grpc/health/v1/health.proto"]
        for (response, name) in zip(responses.dropFirst(), files + ["cprs/v1/cprs.proto"]) {
            let bytes = try #require(response.fileDescriptorResponse.fileDescriptorProto.first)
            let file = try Google_Protobuf_FileDescriptorProto(serializedBytes: [UInt8](wire: bytes))
            #expect(file.name == name)
            #expect(file.dependency.isEmpty)
        }
        #expect(responses.last?.errorResponse.errorCode == 5)
    }
}
