internal import CPRSCore
internal import CPRSServer
internal import CPRSTestSupport
internal import Glibc
internal import SwiftProtobuf
internal import Testing

@Suite struct ListeningSocketTests {
    @Test("a socket gets its mode, and a dead one is replaced")
    func deadSocket() async throws {
        try await TemporaryFolder.with { folder in
            let path = folder + "/cprsd.sock"
            let first = try ListeningSocket.open(path: path, mode: 0o620)
            var status = stat()
            #expect(lstat(path, &status) == 0 && status.st_mode & 0o777 == 0o620)
            close(first.descriptor)
            let second = try ListeningSocket.open(path: path)
            close(second.descriptor)
        }
    }

    @Test("a living socket and a plain file are left alone")
    func occupied() async throws {
        try await TemporaryFolder.with { folder in
            let path = folder + "/cprsd.sock"
            let first = try ListeningSocket.open(path: path)
            let error = #expect(throws: CPRSError.self) { try ListeningSocket.open(path: path) }
            #expect(error?.message.contains("another process listens") == true)
            close(first.descriptor)
            close(creat(folder + "/other", 0o600))
            let plain = #expect(throws: CPRSError.self) { try ListeningSocket.open(path: folder + "/other") }
            #expect(plain?.message.contains("is not a socket") == true)
            #expect(access(folder + "/other", F_OK) == 0)
        }
    }

    @Test("a path that does not fit, and one in a folder that does not exist, are refused")
    func paths() {
        let long = #expect(throws: CPRSError.self) {
            try ListeningSocket.open(path: "/tmp/" + String(repeating: "x", count: 120))
        }
        #expect(long?.message.contains("1 to 107 bytes") == true && long?.message.contains("125") == true)
        #expect(throws: CPRSError.self) { try ListeningSocket.open(path: "/nonexistent/folder/cprsd.sock") }
    }

    @Test("only a Unix stream socket that listens is taken over")
    func inherited() async throws {
        try await TemporaryFolder.with { folder in
            let socket = try ListeningSocket.open(path: folder + "/cprsd.sock")
            #expect(try ListeningSocket.inherited(socket.descriptor).path == nil)
            close(socket.descriptor)
            var pair: [Int32] = [0, 0]
            #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
            let error = #expect(throws: CPRSError.self) { try ListeningSocket.inherited(pair[0]) }
            #expect(error?.message.contains("not listening") == true)
            #expect(try PeerCredentials(socket: pair[0]).userID == geteuid())
            #expect(try PeerCredentials(socket: pair[0]).processID == getpid())
            close(pair[0])
            close(pair[1])
            #expect(throws: CPRSError.self) { try ListeningSocket.inherited(0) }
        }
    }
}
