internal import CPRSCore
internal import CPRSTensors
internal import CPRSTestSupport
internal import Testing

@Suite("checkpoint folders")
struct CheckpointTests {
    /// A shard that holds the named 1-element tensors.
    private static func shard(_ names: String...) -> [UInt8] {
        let entries = names.enumerated().map { index, name in
            #""\#(name)":{"dtype":"F32","shape":[1],"data_offsets":[\#(4 * index),\#(4 * index + 4)]}"#
        }
        return safetensors("{\(entries.joined(separator: ","))}", dataBytes: 4 * names.count)
    }

    /// An index over `one.safetensors` and `two.safetensors`, which hold a, b and c.
    struct Defect: Sendable, CustomTestStringConvertible {
        let what: String
        let index: String
        let words: [String]
        var testDescription: String { self.what }

        init(_ what: String, _ index: String, says words: String...) {
            self.what = what
            self.index = index
            self.words = words
        }
    }

    static let defects: [Defect] = [
        Defect("no weight_map", "{}", says: "weight_map must be an object"),
        Defect("an empty weight_map", #"{"weight_map":{}}"#, says: "weight_map is empty"),
        Defect("a shard that is no string", #"{"weight_map":{"a":1}}"#, says: "a must name a file"),
        Defect(
            "a shard in another folder", #"{"weight_map":{"a":"../one.safetensors"}}"#, says: "same folder", "../one"),
        Defect("a shard by absolute path", #"{"weight_map":{"a":"/etc/passwd"}}"#, says: "same folder", "/etc/passwd"),
        Defect("a shard that is the parent folder", #"{"weight_map":{"a":".."}}"#, says: "same folder"),
        Defect("a shard with a zero byte", #"{"weight_map":{"a":"one\u0000"}}"#, says: "same folder"),
        Defect(
            "a missing shard", #"{"weight_map":{"a":"three.safetensors"}}"#, says: "three.safetensors: cannot be opened"
        ),
        Defect(
            "a tensor in another shard than listed",
            #"{"weight_map":{"a":"one.safetensors","b":"one.safetensors","c":"one.safetensors","d":"two.safetensors"}}"#,
            says: "c is in one.safetensors by the index"),
        Defect(
            "a tensor that no shard holds",
            #"{"weight_map":{"a":"one.safetensors","b":"one.safetensors","c":"two.safetensors","d":"two.safetensors"}}"#,
            says: "not in its shard: d (two.safetensors)"),
        Defect(
            "a tensor that the index does not list",
            #"{"weight_map":{"a":"one.safetensors","c":"two.safetensors"}}"#, says: "b is not in the index"),
        Defect(
            "the same tensor twice", #"{"weight_map":{"a":"one.safetensors","a":"two.safetensors"}}"#,
            says: "second time"),
    ]

    private static func folder(index: String) -> TemporaryFolder {
        let folder = TemporaryFolder()
        folder.write(Self.shard("a", "b"), to: "one.safetensors")
        folder.write(Self.shard("c"), to: "two.safetensors")
        folder.write(Array(index.utf8), to: "model.safetensors.index.json")
        return folder
    }

    @Test("a defective index is refused with a message that names the defect", arguments: defects)
    func defect(_ defect: Defect) throws {
        let folder = Self.folder(index: defect.index)
        let error = try #require(throws: CPRSError.self) { try Checkpoint(folder: folder.path) }
        for word in defect.words { #expect(error.message.contains(word), "\(error.message)") }
    }

    @Test("shards give the tensors of all files")
    func shards() throws {
        let folder = Self.folder(
            index:
                #"{"metadata":{"total_size":12},"weight_map":{"a":"one.safetensors","b":"one.safetensors","c":"two.safetensors"}}"#
        )
        let checkpoint = try Checkpoint(folder: folder.path)
        #expect(checkpoint.tensors.keys.sorted() == ["a", "b", "c"])
        #expect(checkpoint.files.count == 2)
    }

    @Test("a folder without a checkpoint is not found, and a single file goes before an index")
    func single() throws {
        let folder = TemporaryFolder()
        #expect(try #require(throws: CPRSError.self) { try Checkpoint(folder: folder.path) }.code == .notFound)
        folder.write(Self.shard("x"), to: "model.safetensors")
        folder.write(Array("{}".utf8), to: "model.safetensors.index.json")
        #expect(try Checkpoint(folder: folder.path).tensors.keys.sorted() == ["x"])
    }
}
