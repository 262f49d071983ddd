import CPRSClient
import CPRSTestSupport
import Foundation
import Glibc
import Testing

@Suite("the daemon with a packed model", .serialized, .timeLimit(.minutes(5)))
struct PackedModelTests {
    @Test("it is opened by its own digest, checked and served", arguments: ["bf16", "int8"])
    func served(precision: String) async throws {
        let folder = TemporaryFolder()
        let path = try PackedModel.write(precision, in: folder)
        let digest = try Self.digest(of: path)
        let daemon = try RunningDaemon(["--model", path])
        try #require(daemon.awaitNotification("READY=1"), "\(daemon.log.contents)")
        #expect(daemon.log.contents.contains("cprs.check=golden"), "\(daemon.log.contents)")
        #expect(daemon.log.contents.contains("cprs.precision=\(precision)"))
        let model = try await daemon.client.modelInfo()
        #expect(model.sha256 == digest && model.name == precision)
        #expect(try await !DaemonTests.compress(daemon.client).isEmpty)

        let check = try RunningDaemon(["--check-config", "--model", path, "--precision", precision])
        #expect(check.exitStatus() == 0)
        #expect(check.output.contains("# opens the packed file \(path) in \(precision), digest \(digest)\n"))
        for start in [["--check-config"], []] {
            let wrong = try RunningDaemon(start + ["--model", path, "--precision", "f32"])
            #expect(wrong.exitStatus() == 64)
            #expect(wrong.log.says("is packed for \(precision) (asked for f32)"))
        }
    }

    @Test("SIGHUP goes from a file to a folder and back at the same path")
    func swapped() async throws {
        let folder = TemporaryFolder()
        let packed = try PackedModel.write("int8", in: folder)
        let path = folder.path + "/model"
        func lead(to target: String) {
            symlink(target, path + ".new")
            rename(path + ".new", path)
        }
        lead(to: packed)
        let daemon = try RunningDaemon(["--model", path])
        try #require(daemon.awaitNotification("READY=1"), "\(daemon.log.contents)")
        let client = daemon.client
        let digest = try await client.modelInfo().sha256
        #expect(digest == (try Self.digest(of: packed)))
        for target in [SharedData.modelFolder, packed] {
            lead(to: target)
            daemon.signal(SIGHUP)
            #expect(daemon.awaitNotification("RELOADING=1"))
            #expect(daemon.awaitNotification("READY=1"))
            #expect(try await (client.modelInfo().sha256 == digest) == (target == packed), "\(daemon.log.contents)")
            #expect(try await !DaemonTests.compress(client).isEmpty)
        }
    }

    @Test("a damaged file ends the start with its name")
    func damaged() throws {
        let folder = TemporaryFolder()
        let path = folder.write("not a model", to: "broken.cprs")
        let daemon = try RunningDaemon(["--model", path])
        #expect(daemon.exitStatus() == 66)
        #expect(daemon.log.says(path))
    }

    @Test("a folder is packed for the precision that is asked for, and passes its check")
    func precision() async throws {
        let daemon = try RunningDaemon(["--model", SharedData.modelFolder, "--precision", "int8"])
        try #require(daemon.awaitNotification("READY=1"), "\(daemon.log.contents)")
        #expect(daemon.log.contents.contains("cprs.precision=int8"))
        #expect(try await !DaemonTests.compress(daemon.client).isEmpty)
    }

    /// As `cprs inspect` says it.
    private static func digest(of path: String) throws -> String {
        let lines = try CommandLine.run(["inspect", path]).text.split(separator: "\n")
        return String(try #require(lines.first { $0.hasPrefix("digest") }?.split(separator: " ").last))
    }
}
