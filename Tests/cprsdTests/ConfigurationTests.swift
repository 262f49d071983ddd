import CPRSCore
import CPRSScheduler
import CPRSServer
import CPRSTestSupport
import Glibc
import Testing
import cprsd

@Suite("the daemon's configuration")
struct ConfigurationTests {
    static func configuration(
        flags: [Setting: String] = [:], environment: [String: String] = [:], file: String? = nil
    ) throws(CPRSError) -> DaemonConfiguration {
        let settings = try SettingSources.merge(
            flags: flags, environment: environment, file: file.map { ("/etc/cprsd.conf", $0) })
        return try DaemonConfiguration(settings, environment: environment, processors: 7)
    }

    @Test("without settings the defaults hold")
    func defaults() throws {
        let configuration = try Self.configuration()
        #expect(configuration.socketPath == "/run/cprs/cprsd.sock")
        #expect(configuration.socketMode == 0o660)
        #expect(configuration.threads == 7)
        #expect(configuration.access == .everybody)
        #expect(configuration.idleExit == nil)
    }

    @Test("flags win over the environment, which wins over the file, which wins over defaults")
    func precedence() throws {
        let file = "# comment\n\nthreads = 2\n max-streams=9 \ngrace-seconds = 1.5\n"
        let environment = ["CPRSD_THREADS": "3", "CPRSD_MAX_STREAMS": "10", "CPRSD_SOCKET": "", "HOME": "/"]
        let configuration = try Self.configuration(
            flags: [.threads: "4"], environment: environment, file: file)
        #expect(configuration.threads == 4)
        #expect(configuration.service.maxStreams == 10)
        #expect(configuration.service.maxStreamsPerUser == 10)
        #expect(configuration.grace == .milliseconds(1500))
        #expect(configuration.socketPath == "/run/cprs/cprsd.sock")
    }

    @Test("the service manager's runtime folder holds the socket")
    func runtimeFolder() throws {
        #expect(
            try Self.configuration(environment: ["RUNTIME_DIRECTORY": "/run/user/7/cprs"]).socketPath
                == "/run/user/7/cprs/cprsd.sock")
    }

    @Test("what is printed sets the same configuration again")
    func roundTrip() throws {
        let configuration = try Self.configuration(flags: [
            .socket: "/tmp/a.sock", .socketMode: "0600", .socketGroup: "0", .metricsSocket: "/tmp/m.sock",
            .allowUsers: "root, 1000", .allowGroups: "root", .model: SharedData.modelFolder, .precision: "int8",
            .threads: "3",
            .windowTokens: "512", .maxStreams: "12", .maxStreamsPerUser: "5", .maxQueuedWindows: "1_000",
            .maxQueuedWindowsPerUser: "100", .maxContextBytes: "1000000", .maxRetainedBytes: "0",
            .retentionSeconds: "2.5", .graceSeconds: "0", .idleExitSeconds: "60", .maxWindowSeconds: "5",
            .logLevel: "debug",
        ])
        #expect(configuration.access.userIDs == [0, 1000])
        #expect(configuration.access.groupIDs == [0])
        #expect(configuration.queue.total == 1000)
        #expect(try Self.configuration(file: configuration.description) == configuration)
    }

    @Test(
        "a value that cannot be is refused, with its name and where it was set",
        arguments: [
            (Setting.threads, "0"), (.threads, "two"), (.socket, "relative.sock"),
            (.socket, "/" + String(repeating: "x", count: 108)), (.socketMode, "888"), (.socketMode, "1777"),
            (.socketGroup, "no-such-group-here"), (.allowUsers, "no-such-user-here"), (.windowTokens, "63"),
            (.maxStreamsPerUser, "129"), (.maxQueuedWindows, "511"), (.graceSeconds, "-1"), (.graceSeconds, "nan"),
            (.idleExitSeconds, "soon"), (.maxWindowSeconds, "0"), (.logLevel, "loud"), (.model, "/nonexistent"),
            (.model, "/tmp"), (.precision, "f16"),
            (.metricsSocket, "/run/cprs/cprsd.sock"), (.retentionSeconds, "inf"),
        ])
    func refused(setting: Setting, value: String) {
        let error = #expect(throws: CPRSError.self) { try Self.configuration(environment: [setting.variable: value]) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains(setting == .maxQueuedWindows ? "max-queued-windows" : setting.rawValue) == true)
    }

    @Test(
        "a line or variable that sets nothing is refused, with its place",
        arguments: [
            ("threads", "/etc/cprsd.conf:1"), ("\nsockets = /tmp/x", "/etc/cprsd.conf:2"),
            ("threads = 1\nthreads = 2", "/etc/cprsd.conf:2"),
        ])
    func unknown(file: String, place: String) {
        let error = #expect(throws: CPRSError.self) { try Self.configuration(file: file) }
        #expect(error?.message.contains(place) == true)
        #expect(throws: CPRSError.self) { try Self.configuration(environment: ["CPRSD_SOKCET": "/tmp/x"]) }
    }
}
