internal import CPRSCore
internal import CPRSWire
internal import SwiftProtobuf
internal import Testing

@Suite struct ValidationTests {
    @Test("the defaults and every documented value pass")
    func valid() throws {
        try Cprs_V1_Begin().validate()
        try Cprs_V1_Selection.with {
            $0.threshold = 1
            $0.ratio = 1
            $0.granularity = .paragraph
            $0.keepLiterals = ["a"]
        }.validate()
        try Cprs_V1_Chunk.with { $0.documentID = String(repeating: "d", count: 256) }.validate()
    }

    @Test("a document id that is too long is refused with its field")
    func documentID() {
        let chunk = Cprs_V1_Chunk.with { $0.documentID = String(repeating: "d", count: 257) }
        let error = #expect(throws: ServiceError.self) { try chunk.validate() }
        #expect(error?.field == "chunk.document_id")
        #expect(error?.message.contains("257") == true)
    }

    @Test("partial answers need a deadline")
    func partial() {
        let begin = Cprs_V1_Begin.with { $0.deadlinePolicy = .partial }
        #expect(throws: ServiceError.self) { try begin.validate() }
    }

    @Test("a span's offsets survive the wire, and a damaged one is empty rather than fatal")
    func ranges() throws {
        var span = Cprs_V1_KeptSpan()
        span.bytes = 5..<(1 << 40)
        let copy = try Cprs_V1_KeptSpan(serializedBytes: span.serializedBytes() as [UInt8])
        #expect(copy.bytes == 5..<(1 << 40))
        let damaged = Cprs_V1_KeptSpan.with {
            $0.start = 9
            $0.end = 3
        }
        #expect(damaged.bytes.isEmpty)
    }
}
