import CPRSClient
import CPRSTestSupport
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
}
