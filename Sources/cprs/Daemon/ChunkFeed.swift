internal import Dispatch
internal import Synchronization

/// Hands chunks that one thread reads, blocking, to a task that sends them; the thread reads only when it is asked to.
///
/// The thread calls ``waitForRoom()``, ``send(_:)`` and ``finish()``; the task iterates.
final class ChunkFeed: AsyncSequence, Sendable {
    typealias Element = [UInt8]

    /// Chunks that may be read ahead, so that reading and sending go on at the same time.
    private static let readAhead = 2

    private let room = DispatchSemaphore(value: 0)
    private let isStopped = Atomic(false)
    private let chunks = AsyncStream.makeStream(of: [UInt8].self)

    /// Lets the thread read.
    func open() { for _ in 0..<Self.readAhead { self.room.signal() } }

    /// Tells the thread that nobody wants more.
    func stop() {
        self.isStopped.store(true, ordering: .releasing)
        self.room.signal()
    }

    /// Waits until a chunk is wanted; false once none is any more.
    func waitForRoom() -> Bool {
        self.room.wait()
        return !self.isStopped.load(ordering: .acquiring)
    }

    /// Hands over the next chunk.
    func send(_ chunk: [UInt8]) { self.chunks.continuation.yield(chunk) }

    /// Says that there are no more chunks.
    func finish() { self.chunks.continuation.finish() }

    func makeAsyncIterator() -> Iterator { Iterator(chunks: self.chunks.stream.makeAsyncIterator(), room: self.room) }

    struct Iterator: AsyncIteratorProtocol {
        fileprivate var chunks: AsyncStream<[UInt8]>.Iterator
        fileprivate let room: DispatchSemaphore

        mutating func next() async -> [UInt8]? {
            let chunk = await self.chunks.next()
            self.room.signal()
            return chunk
        }
    }
}
