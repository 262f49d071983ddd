import CPRSJSON
import CPRSTestSupport
import Foundation
import Glibc
import Testing

@Suite("cprs beside a daemon", .serialized, .timeLimit(.minutes(5)))
struct CommandLineTests {
    static let story = SharedData.fixture("a-scandal-in-bohemia.txt")
    static let query = ["--query", "What is in the photograph?"]

    /// The result without what may differ between two runs: where the time went.
    static func json(_ output: [UInt8]) throws -> [JSONValue] {
        let object = try #require(try JSONValue(output, name: "output").object)
        return object.keys.filter { $0 != "timings" }.flatMap { [.string($0), object[$0] ?? .null] }
    }

    @Test(
        "the daemon and this process keep the same bytes, with the same spans, scores and figures",
        arguments: ["f32", "bf16", "int8"])
    func sameResult(precision: String) throws {
        let folder = TemporaryFolder()
        let model = precision == "f32" ? SharedData.modelFolder : try PackedModel.write(precision, in: folder)
        let daemon = try RunningDaemon(["--model", model])
        try #require(daemon.awaitNotification("READY=1"), "\(daemon.log.contents)")
        let selections: [[String]] = [
            [], ["--max-tokens", "300"], ["--ratio", "0.02", "--granularity", "word"],
            ["--granularity", "line", "--keep-literal", "Irene"], ["--granularity", "paragraph", "--threshold", "0.1"],
            ["--granularity", "token", "--whole-sentences", "--min-span-tokens", "2"],
            ["--keep-regex", "photograph[s]?", "--max-tokens", "2000"], ["--decoding", "reference"],
            ["--instruction", "Find it.\n- tag facts with 'fact'", "--window", "400", "--ratio", "0.05"],
            ["--preset", "needle", "--tag", "needle", "--tag", "outside", "--threshold", "0.2"],
            ["--ratio", "0.05", "--lexical", "on"], ["--ratio", "0.05", "--lexical", "off"],
            ["--preset", "chain", "--threshold", "0.05", "--lexical", "off"],
            ["--preset", "chain", "--threshold", "0.05", "--lexical", "on"],
            ["--preset", "paragraph", "--ratio", "0.1"],
            ["--instruction", "Find it.", "--ratio", "0.05", "--lexical", "off"],
        ]
        var kept = 0
        var results: [[String]: [JSONValue]] = [:]
        for selection in selections {
            let arguments = ["compress", Self.story] + Self.query + selection + ["--format", "json"]
            let here = try CommandLine.run(arguments + ["--in-process", "--model", model])
            let there = try CommandLine.run(arguments + ["--socket", daemon.socketPath])
            #expect(here.status == 0 && there.status == 0, "\(selection): \(here.error)\(there.error)")
            results[selection] = try Self.json(there.output)
            #expect(try Self.json(here.output) == results[selection], "\(selection)")
            kept += here.output.count
        }
        #expect(kept > 5000)
        // Word matching is asked for, and switched off, in the daemon too.
        for task in [["--ratio", "0.05"], ["--preset", "chain", "--threshold", "0.05"]] {
            #expect(results[task + ["--lexical", "on"]] != results[task + ["--lexical", "off"]], "\(task)")
        }
        #expect(daemon.log.contents.components(separatedBy: "request finished").count == selections.count + 1)
        let text = ["compress"] + [Self.story] + Self.query
        for format in ["text", "jsonl"] {
            let here = try CommandLine.run(text + ["--format", format, "--in-process", "--model", model])
            let there = try CommandLine.run(text + ["--format", format, "--socket", daemon.socketPath])
            let lines = { (output: [UInt8]) in output.split(separator: 10).dropLast(format == "jsonl" ? 1 : 0) }
            #expect(lines(here.output) == lines(there.output) && !here.output.isEmpty)
        }
    }

    @Test("what is refused is refused with the same exit code")
    func sameErrors() throws {
        let daemon = try RunningDaemon()
        try #require(daemon.awaitNotification("READY=1"), "\(daemon.log.contents)")
        let cases: [([String], String, Int32)] = [
            (["/no/such/file"], "", 66), (["-"], "", 65), (["-", "--preset", "facts"], "x", 64),
            (["-", "--threshold", "2"], "x", 64), (["-", "--window", "0"], "x", 64),
            (["-", "--window", "1000000"], "x", 64),
            (["-", "--keep-regex", "("], "x", 64), (["-", "--instruction", ""], "x", 64),
            (["-", "--tag", "fact", "--tag", "fact"], "x", 64),
            (["-", "--keep-literal", "word", "--max-tokens", "1"], "word word word and words\n", 64),
        ]
        for (arguments, input, status) in cases {
            let arguments = ["compress"] + arguments + Self.query
            let here = try CommandLine.run(arguments + ["--in-process"], input: input)
            #expect(here.status == status && here.output.isEmpty, "\(arguments): \(here.error)")
            let there = try CommandLine.run(arguments + ["--socket", daemon.socketPath], input: input)
            // A window beyond the daemon's is about the daemon, unless it was asked for by name.
            #expect(there.status == status && there.output.isEmpty, "\(arguments): \(there.error)")
        }
    }

    @Test("a daemon is found by its socket, and its absence costs one line, or the run if it was named")
    func fallback() throws {
        let folder = TemporaryFolder()
        mkdir(folder.path + "/cprs", 0o700)
        let path = folder.path + "/cprs/cprsd.sock"
        defer {
            unlink(path)
            rmdir(folder.path + "/cprs")
        }
        let arguments = ["compress", Self.story] + Self.query
        let daemon = try RunningDaemon(socketPath: path)
        try #require(daemon.awaitNotification("READY=1"), "\(daemon.log.contents)")
        let there = try CommandLine.run(arguments, runtimeFolder: folder.path)
        #expect(there.status == 0 && there.error.isEmpty && daemon.log.says("request finished"))
        let before = daemon.log.contents
        for local in [["--in-process"], ["--model", SharedData.defaultModel], ["--threads", "1"]] {
            #expect(try CommandLine.run(arguments + local, runtimeFolder: folder.path).output == there.output)
        }
        #expect(daemon.log.contents == before)
        #expect(try CommandLine.run(["status"], runtimeFolder: folder.path).status == 0)

        daemon.signal(SIGKILL)
        _ = daemon.exitStatus()
        // The socket's file is still there, and nobody behind it.
        let here = try CommandLine.run(arguments, runtimeFolder: folder.path)
        #expect(here.status == 0 && here.output == there.output)
        #expect(here.error.hasPrefix("cprs: no answer from the daemon at \(path)"), "\(here.error)")
        #expect(here.error.split(separator: "\n").count == 1)
        let demanded = try CommandLine.run(arguments + ["--socket", path])
        #expect(demanded.status == 69 && demanded.output.isEmpty && !demanded.error.isEmpty)
        #expect(try CommandLine.run(["status", "--socket", path]).status == 69)
        for local in [["--in-process"], ["--threads", "1"], ["--model", "x"]] {
            let both = try CommandLine.run(arguments + ["--socket", path] + local)
            #expect(both.status == 64 && both.error.contains("exclude each other"), "\(both.error)")
        }
    }

    @Test("a daemon that refuses a request leaves it to this process; a pipe loses nothing")
    func refusal() throws {
        let folder = TemporaryFolder()
        mkdir(folder.path + "/cprs", 0o700)
        let path = folder.path + "/cprs/cprsd.sock"
        defer {
            unlink(path)
            rmdir(folder.path + "/cprs")
        }
        let daemon = try RunningDaemon(["--max-context-bytes", "4000"], socketPath: path)
        try #require(daemon.awaitNotification("READY=1"), "\(daemon.log.contents)")
        let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: Self.story)).prefix(9000), as: UTF8.self)
        let arguments = ["compress", "-", "--ratio", "0.2"] + Self.query
        let here = try CommandLine.run(arguments + ["--in-process"], input: text)
        let refused = try CommandLine.run(arguments, input: text, runtimeFolder: folder.path)
        #expect(refused.status == 0 && refused.output == here.output && !here.output.isEmpty, "\(refused.error)")
        #expect(refused.error.contains("4000 bytes"), "\(refused.error)")
        #expect(try CommandLine.run(arguments + ["--socket", path], input: text).status == 69)
    }

    @Test("a receipt fits the texts it was written for, and no others, wherever it was written")
    func receipts() throws {
        let daemon = try RunningDaemon()
        try #require(daemon.awaitNotification("READY=1"), "\(daemon.log.contents)")
        let folder = TemporaryFolder()
        var receipts: [Data] = []
        for place in [["--in-process"], ["--socket", daemon.socketPath]] {
            let path = folder.path + "/receipt.json"
            let result = try CommandLine.run(
                ["compress", Self.story, "--ratio", "0.05", "--receipt", path] + Self.query + place)
            #expect(result.status == 0, "\(result.error)")
            let output = folder.write(result.output, to: "kept")
            receipts.append(try Data(contentsOf: URL(fileURLWithPath: path)))
            let good = try CommandLine.run(["verify", path, "--input", Self.story, "--output", output])
            #expect(good.status == 0 && good.text.components(separatedBy: "matches").count == 3, "\(good.text)")
            let changed = folder.write(Array(result.output.dropLast()) + [65], to: "changed")
            let bad = try CommandLine.run(["verify", path, "--input", Self.story, "--output", changed])
            #expect(bad.status == 1 && bad.text.contains("output  DIFFERS"), "\(bad.text)")
            #expect(try CommandLine.run(["verify", path, "--input", output]).status == 1)
        }
        #expect(receipts[0] == receipts[1])
        let broken = folder.write("{\"cprs_receipt\":2}", to: "broken")
        #expect(try CommandLine.run(["verify", broken, "--input", Self.story]).status == 65)
        #expect(try CommandLine.run(["verify", folder.path + "/none", "--input", Self.story]).status == 66)
    }

    @Test("status tells a daemon that serves from one that stops and from a silent one")
    func status() async throws {
        let daemon = try RunningDaemon()
        try #require(daemon.awaitNotification("READY=1"), "\(daemon.log.contents)")
        _ = try CommandLine.run(["compress", Self.story, "--socket", daemon.socketPath] + Self.query)
        let status = try CommandLine.run(["status", "--json", "--socket", daemon.socketPath])
        let object = try #require(try JSONValue(status.output, name: "status").object)
        #expect(object["serving"] == .bool(true) && object["model"]?.object?["name"]?.string == "default-model")
        #expect(object["admitted_requests"]?.integer == 1 && (object["scored_windows"]?.integer ?? 0) > 0)
        #expect(object["tokens_per_second"]?.number ?? 0 > 0)
        daemon.signal(SIGSTOP)
        let stuck = try CommandLine.run(["status", "--socket", daemon.socketPath])
        #expect(stuck.status == 1 && stuck.error.contains("does not answer"), "\(stuck.error)")
        daemon.signal(SIGCONT)
    }
}
