internal import CPRSCore
internal import CPRSTestSupport
internal import CPRSTokenizer
internal import Testing

@Suite("Damaged packed tokenizers")
struct PackedDamageTests {
    /// A change of some bytes, and what the error must say.
    struct Defect: Sendable, CustomTestStringConvertible {
        var message: String
        var spoil: @Sendable (PackedBlob) -> Void
        var testDescription: String { self.message }

        init(_ message: String, _ spoil: @escaping @Sendable (PackedBlob) -> Void) {
            self.message = message
            self.spoil = spoil
        }

        /// Writes a 32-bit number into a section.
        init(_ message: String, section: Int, at offset: Int, _ value: Int32) {
            self.init(message) { blob in
                let start = Int(blob[word: 32 + 16 * section])
                blob.bytes.storeBytes(of: value, toByteOffset: start + offset, as: Int32.self)
            }
        }
    }

    private static let (byteTokens, starts, origins, mergeSlots, trieEdges, added) = (0, 2, 3, 5, 8, 9)

    /// Token 257 of the English tokenizer is "the", made of 116 and 256.
    private static let defects: [Defect] = [
        Defect("it must start with \"CPRSTOKN\"") { $0[word: 0] ^= 1 },
        Defect("its version must be 1 (got 2)") { $0[word: 8] = 2 },
        Defect("its flags must be in 0...3 (got 4)") { $0[word: 16] = 4 },
        Defect("bytes as it says") { $0[word: 24] += 64 },
        Defect("section text must lie in") { $0[word: 32 + 16] += 1 },
        Defect("section text must lie in") { $0[word: 32 + 16] = 1 << 63 },
        Defect("section text must lie in") { $0[word: 40 + 16] = UInt64.max },
        Defect("section byteTokens must have 256 elements (got 255)") { $0[word: 40] = 255 },
        Defect("the tokens must be 1...4194305 (got -1)") { $0[word: 40 + 16 * Self.starts] = 0 },
        Defect("the tokens must lie at 0..<") { $0[word: 40 + 16] -= 1 },
        Defect("section origins must have 269 elements (got 268)") { $0[word: 40 + 16 * Self.origins] = 268 },
        Defect("must be a power of two, and eight times") { $0[word: 40 + 16 * Self.mergeSlots] -= 1 },
        Defect("the number of trie edges must be a power of two") { $0[word: 40 + 16 * Self.trieEdges] = 0 },
        Defect("no merge slot is empty") { Self.fill($0, Self.mergeSlots, stride: 16) },
        Defect("no slot for a trie edge is empty") { Self.fill($0, Self.trieEdges, stride: 8) },
        Defect("token 256 must end at 70000 or later", section: Self.starts, at: 4 * 256, 70_000),
        Defect("the token of byte 65 must be one byte long", section: Self.byteTokens, at: 4 * 65, 257),
        Defect("the token of byte 65 must be one byte long", section: Self.byteTokens, at: 4 * 65, -1),
        Defect("token 257 of 3 bytes must come from shorter tokens", section: Self.origins, at: 64 * 257, 269),
        Defect("token 257 of 3 bytes must come from shorter tokens", section: Self.origins, at: 64 * 257 + 4, -1),
        Defect("token 257 of 3 bytes must come from shorter tokens", section: Self.origins, at: 64 * 257 + 8, -3),
        Defect("token 257 of 3 bytes must come from shorter tokens", section: Self.origins, at: 64 * 257 + 20, 257),
        Defect("token 257 of 3 bytes must come from shorter tokens", section: Self.origins, at: 64 * 257 + 40, 4),
        Defect("the id of an added token must be in 0...4194304", section: Self.added, at: 0, -1),
        Defect("the added token of id 1000 must have 1...", section: Self.added, at: 4, 0),
        Defect("the added token of id 1000 must have 1...", section: Self.added, at: 4, 1 << 30),
        Defect("the added tokens end early") { $0[word: 40 + 16 * Self.added] = 7 },
    ]

    /// No element of the section is all ones any more.
    private static func fill(_ blob: PackedBlob, _ section: Int, stride: Int) {
        let start = Int(blob[word: 32 + 16 * section])
        for index in 0..<Int(blob[word: 40 + 16 * section]) {
            blob.bytes.storeBytes(of: 1 as UInt64, toByteOffset: start + index * stride, as: UInt64.self)
        }
    }

    private static func packed(ordered: Bool = true) throws -> [UInt8] {
        var tiny = TinyTokenizer.english
        if !ordered { tiny.merges.insert(tiny.merges.remove(at: 2), at: 0) }
        tiny.added = [("<|im_start|>", 1000), ("<|", 1001)]
        return try tiny.load().packed()
    }

    @Test("each defect has its own message", arguments: Self.defects)
    func refuses(_ defect: Defect) throws {
        let blob = PackedBlob(try Self.packed())
        defect.spoil(blob)
        let error = #expect(throws: CPRSError.self) { try blob.load() }
        #expect(error?.code == .modelUnusable)
        #expect(error?.message.hasPrefix("the blob: packed tokenizer: ") == true)
        #expect(error?.message.contains(defect.message) == true, "\(String(describing: error))")
    }

    @Test("bytes that start between multiples of 64 are refused", arguments: [1, 4, 8, 32, 63])
    func refusesUnaligned(_ shift: Int) throws {
        let error = #expect(throws: CPRSError.self) { try PackedBlob(try Self.packed(), shift: shift).load() }
        #expect(error?.message.contains("must start at a multiple of 64 in memory (got \(shift) more)") == true)
    }

    @Test("no shorter and no longer bytes are taken")
    func refusesOtherLengths() throws {
        let bytes = try Self.packed()
        for count in Array(0...256) + stride(from: 300, to: bytes.count, by: 4999) + [bytes.count - 1] {
            #expect(throws: CPRSError.self, "\(count) bytes") { try PackedBlob(Array(bytes[..<count])).load() }
        }
        #expect(throws: CPRSError.self) { try PackedBlob(bytes + [0]).load() }
        #expect(throws: CPRSError.self) {
            try Tokenizer(packed: UnsafeRawBufferPointer(start: nil, count: 0), owner: PackedBlob([]), name: "x")
        }
    }

    private static let text: [UInt8] = {
        let hard = "the hello  he'll rere éé <|im_start|>the <| hellthehellthehell\n\n    the"
        return Array((hard + String(repeating: "thehell", count: 60)).utf8)
    }()

    /// Changes a few bits or 32-bit numbers anywhere, or very many in one of the tables that loading does not look into.
    private static func spoil(_ blob: PackedBlob, _ generator: inout SeededGenerator) {
        let byteRanks = 4, triePairs = 7
        let isEverywhere = Bool.random(using: &generator)
        let section = isEverywhere ? Int.random(in: 0...9, using: &generator) : Int.random(in: 4...8, using: &generator)
        let start = Int(blob[word: 32 + 16 * section])
        let end = section == 9 ? blob.bytes.count : Int(blob[word: 48 + 16 * section])
        for _ in 0..<(isEverywhere ? [1, 2, 10] : [5, 40, 500]).randomElement(using: &generator)! {
            var place = Int.random(in: start..<end, using: &generator) & ~3
            if section == byteRanks || section == triePairs {
                // By two bytes: only those of the text matter.
                let index = Int.random(in: 1..<Self.text.count, using: &generator)
                place = start + 4 * (Int(Self.text[index - 1]) << 8 | Int(Self.text[index]))
            } else if isEverywhere, Int.random(in: 0..<4, using: &generator) == 0 {
                place = Int.random(in: 0..<blob.bytes.count, using: &generator) & ~3
            }
            let old = blob.bytes.load(fromByteOffset: place, as: UInt32.self)
            let other = Int.random(in: start..<end, using: &generator) & ~3
            let values = [
                old ^ 1 << UInt32.random(in: 0..<32, using: &generator), 0, 1, .max, 1 << 31, UInt32(Int32.max), 269,
                UInt32.random(in: 0..<269, using: &generator), blob.bytes.load(fromByteOffset: other, as: UInt32.self),
            ]
            blob.bytes.storeBytes(
                of: values.randomElement(using: &generator)!, toByteOffset: place, as: UInt32.self)
        }
    }

    @Test("whatever is spoiled, tokens stay ranges that follow one another to the end", arguments: 1...8)
    func survivesDamage(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let sound = try Self.packed(ordered: seed % 4 != 0)
        let blob = PackedBlob(sound)
        let text = Self.text
        let whole = try blob.load().encode(text, specialTokens: .text)
        var (refused, wrong) = (0, 0)
        for _ in 0..<400 {
            Self.spoil(blob, &generator)
            if let tokenizer = try? blob.load() {
                for id in -1...TokenID(min(tokenizer.vocabularySize, 2000)) { _ = tokenizer.bytes(of: id) }
                _ = try tokenizer.encode(text, specialTokens: .recognised)
                _ = MergeQueueEncoder.encode(text, tokenizer)
                let tokens = try tokenizer.encode(text, specialTokens: .text)
                #expect(tokens.flatMap { Array($0.bytes) } == Array(text.indices), "seed \(seed)")
                #expect(tokens.allSatisfy { $0.id >= 0 && $0.id < tokenizer.vocabularySize }, "seed \(seed)")
                wrong += tokens == whole ? 0 : 1
            } else {
                refused += 1
            }
            blob.bytes.copyBytes(from: sound)
        }
        // Otherwise the test would show nothing.
        #expect(refused > 20 && wrong > 20, "\(refused) refused, \(wrong) with other tokens")
        #expect(try blob.load().encode(text, specialTokens: .text) == whole)
    }
}
