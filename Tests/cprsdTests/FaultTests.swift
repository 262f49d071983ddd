import CPRSClient
import CPRSTestSupport
import Foundation
import Glibc
import Testing

/// What machines do to a daemon; the rest, which takes longer, is in Tests/Faults.
@Suite(.serialized) struct FaultTests {
    @Test("a model's file that shrinks while it is in use ends the daemon with one line and a code of its own")
    func truncatedModel() async throws {
        let models = try TemporaryFolder.modelCopy()
        let daemon = try RunningDaemon(["--model", models.path], environment: ["SWIFT_BACKTRACE": "enable=no"])
        try #require(daemon.awaitNotification("READY=1"), "\(daemon.log.contents)")
        #expect(truncate(models.path + "/model.safetensors", 4096) == 0)
        await #expect(throws: ClientError.self) { try await DaemonTests.compress(daemon.client) }
        #expect(daemon.exitStatus() == 74)
        #expect(daemon.log.says("cprsd: a file of the model was truncated while it was in use"))
    }

    @Test(
        "memory that the system refuses ends the daemon with one line and a code of its own",
        .disabled(if: AddressSanitizer.isInForce))
    func refusedMemory() async throws {
        let daemon = try RunningDaemon(environment: ["SWIFT_BACKTRACE": "enable=no"])
        try #require(daemon.awaitNotification("READY=1"), "\(daemon.log.contents)")
        // Less than it has, so that nothing more is given.
        let limit = try PeerTests.start(
            ["/usr/bin/env", "prlimit", "--pid=\(daemon.process.processIdentifier)", "--as=1048576"])
        limit.waitUntilExit()
        try #require(limit.terminationStatus == 0)
        let client = daemon.client
        let text = String(repeating: DaemonTests.text, count: 40_000)
        // What its allocator holds already is enough for some.
        for _ in 0..<20 where daemon.process.isRunning {
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<16 { group.addTask { _ = try? await client.countTokens(text) } }
            }
        }
        try #require(!daemon.process.isRunning)
        #expect(daemon.exitStatus() == 71)
        #expect(daemon.log.says("cprsd: the system refused memory, ending"))
    }
}
