internal import CPRSCore
internal import CPRSTensors
internal import CPRSTestSupport
internal import Testing

@Suite("safetensors files")
struct SafetensorsFileTests {
    /// A defective file and words that its error must contain.
    struct Defect: Sendable, CustomTestStringConvertible {
        let what: String
        let bytes: [UInt8]
        let words: [String]

        init(_ what: String, _ header: String, _ dataBytes: Int = 8, length: UInt64? = nil, says words: String...) {
            self.what = what
            self.bytes = safetensors(header, dataBytes: dataBytes, headerLength: length)
            self.words = words
        }

        var testDescription: String { self.what }
    }

    private static func entry(_ type: String = "F32", shape: String = "[2]", offsets: String = "[0,8]") -> String {
        #"{"dtype":"\#(type)","shape":\#(shape),"data_offsets":\#(offsets)}"#
    }

    static let defects: [Defect] = [
        Defect("header length above the cap", "{}", length: 100_000_001, says: "100000001", "limit of 100000000"),
        Defect("header length of all ones", "{}", length: .max, says: "18446744073709551615", "limit"),
        Defect("header length beyond the file", "{}", 0, length: 3, says: "header length 3", "10 bytes"),
        Defect("header that is not JSON", "nonsense", says: "expected an object"),
        Defect("header that is an array", "[]", says: "expected an object"),
        Defect("text after the header's object", "{} x", 0, says: "surplus text"),
        Defect("header that ends early", #"{"a":"#, says: "ends early"),
        Defect("entry that is not an object", #"{"a":1}"#, says: "a: must be an object"),
        Defect("metadata that is not an object", #"{"__metadata__":"x"}"#, 0, says: "__metadata__ must be an object"),
        Defect("metadata value that is not a string", #"{"__metadata__":{"k":1}}"#, 0, says: "only strings", "k"),
        Defect("the same name twice", #"{"a":\#(entry()),"a":\#(entry())}"#, says: "a occurs twice"),
        Defect(
            "an unknown member", #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}"#,
            says: "unknown member \"x\""),
        Defect("no dtype", #"{"a":{"shape":[2],"data_offsets":[0,8]}}"#, says: "a: dtype must be a string"),
        Defect("an unknown dtype", #"{"a":\#(entry("Q4"))}"#, says: "unknown dtype \"Q4\""),
        Defect("an unsupported dtype", #"{"a":\#(entry("I64", shape: "[1]"))}"#, says: "dtype I64 is not supported"),
        Defect("no shape", #"{"a":{"dtype":"F32","data_offsets":[0,8]}}"#, says: "shape must be an array"),
        Defect("a negative size", #"{"a":\#(entry(shape: "[-2]"))}"#, says: "shape may hold only whole numbers"),
        Defect("a fractional size", #"{"a":\#(entry(shape: "[2.5]"))}"#, says: "shape may hold only whole numbers"),
        Defect("NaN as a size", #"{"a":\#(entry(shape: "[NaN]"))}"#, says: "not a finite number"),
        Defect(
            "sizes whose product overflows", #"{"a":\#(entry(shape: "[4294967296,4294967296]"))}"#, says: "overflows"),
        Defect(
            "a size with zero that hides an overflow", #"{"a":\#(entry(shape: "[4294967296,4294967296,0]"))}"#,
            says: "overflows"),
        Defect("no data_offsets", #"{"a":{"dtype":"F32","shape":[2]}}"#, says: "data_offsets must be an array"),
        Defect("three data_offsets", #"{"a":\#(entry(offsets: "[0,4,8]"))}"#, says: "[begin, end]", "3 numbers"),
        Defect("data_offsets in reverse", #"{"a":\#(entry(offsets: "[8,0]"))}"#, says: "begin 8 is after their end 0"),
        Defect("a truncated file", #"{"a":\#(entry())}"#, 7, says: "end 8 is beyond the file's 7 bytes", "truncated"),
        Defect(
            "a shape that disagrees with the bytes", #"{"a":\#(entry(shape: "[3]"))}"#, says: "needs 12 bytes", "give 8"
        ),
        Defect(
            "overlapping tensors", #"{"a":\#(entry()),"b":\#(entry(offsets: "[4,12]"))}"#, 12,
            says: "b overlaps a by 4 bytes"),
        Defect(
            "a gap between tensors", #"{"a":\#(entry()),"b":\#(entry(offsets: "[12,20]"))}"#, 20,
            says: "4 bytes between a and b"),
        Defect(
            "a gap before the first tensor", #"{"a":\#(entry(offsets: "[4,12]"))}"#, 12,
            says: "between the header and a"),
        Defect("bytes after the last tensor", #"{"a":\#(entry())}"#, 9, says: "1 bytes after a"),
        Defect("data without tensors", "{}", 3, says: "3 bytes after the header"),
    ]

    @Test("a defective file is refused with a message that names the defect", arguments: defects)
    func defect(_ defect: Defect) throws {
        let folder = TemporaryFolder()
        let path = folder.write(defect.bytes, to: "x.safetensors")
        let error = try #require(throws: CPRSError.self) { try SafetensorsFile(path: path) }
        #expect(error.code == .modelUnusable)
        #expect(error.message.hasPrefix(path))
        for word in defect.words { #expect(error.message.contains(word), "\(error.message)") }
    }

    @Test("no two defects share a message")
    func messagesDiffer() throws {
        let folder = TemporaryFolder()
        var shapes: Set<String> = []
        for defect in Self.defects {
            let path = folder.write(defect.bytes, to: "x.safetensors")
            shapes.insert(try #require(throws: CPRSError.self) { try SafetensorsFile(path: path) }.message)
        }
        // Pairs that are one defect in two guises: two headers that are no object, two fractional sizes, two overflows.
        #expect(shapes.count >= Self.defects.count - 3)
    }

    @Test("a file shorter than a header length, an empty file, a folder and a missing file are refused")
    func notAFile() throws {
        let folder = TemporaryFolder()
        let short = folder.write([1, 2, 3], to: "short")
        #expect(throws: CPRSError.self) { try SafetensorsFile(path: short) }
        let empty = folder.write([], to: "empty")
        #expect(try #require(throws: CPRSError.self) { try SafetensorsFile(path: empty) }.message.contains("empty"))
        #expect(
            try #require(throws: CPRSError.self) { try SafetensorsFile(path: folder.path) }.message
                .contains("not a regular file"))
        #expect(
            try #require(throws: CPRSError.self) { try SafetensorsFile(path: folder.path + "/none") }.code == .notFound)
    }

    @Test("tensors are read in place, whatever the order of the header, its padding and its metadata")
    func valid() throws {
        let folder = TemporaryFolder()
        let header =
            #"{"b":{"dtype":"BF16","shape":[2,1],"data_offsets":[8,12]},"__metadata__":{"format":"pt"},"#
            + #""a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"none":{"dtype":"F16","shape":[0,5],"data_offsets":[12,12]}}   "#
        let file = try SafetensorsFile(path: folder.write(safetensors(header, dataBytes: 12), to: "x.safetensors"))
        #expect(file.metadata == ["format": "pt"])
        #expect(file.tensors.map(\.name) == ["a", "b", "none"])
        #expect(file.tensors[0].floats() == [Float(bitPattern: 0x0302_0100), Float(bitPattern: 0x0706_0504)])
        #expect(file.tensors[1].floats() == [Float(bitPattern: 0x0908_0000), Float(bitPattern: 0x0B0A_0000)])
        #expect(file.tensors[2].floats().isEmpty)
        #expect(file.tensors[1].shape == [2, 1])
    }

    @Test("any cut of a valid file is refused", arguments: [0, 1, 7, 8, 9, 40, 62, 69])
    func truncated(length: Int) throws {
        let bytes = safetensors(#"{"a":\#(Self.entry())}"#, dataBytes: 8)
        #expect(length < bytes.count)
        let folder = TemporaryFolder()
        let path = folder.write(Array(bytes[..<length]), to: "x.safetensors")
        #expect(throws: CPRSError.self) { try SafetensorsFile(path: path) }
    }
}
