internal import CPRSFuzzTargets
internal import CPRSTestSupport
internal import Glibc
internal import Testing

@Suite("Hostile input")
struct ReplayTests {
    private static let corpus: String = {
        let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        return parts.dropLast(2).joined(separator: "/") + "/Corpus"
    }()

    /// Mutants of all of a target's inputs: enough to notice a promise that any slip breaks, few enough for every run.
    private static func mutants(_ target: FuzzTarget) -> Int {
        switch target.name {
        case "json", "config", "spans", "units", "patterns": 2000
        case "text", "session": 300
        default: 150
        }
    }

    @Test("recorded inputs and mutants of them break no promise", arguments: FuzzTarget.all)
    func replay(_ target: FuzzTarget) throws {
        let inputs = try TestFolder.files(Self.corpus + "/" + target.name)
        #expect(!inputs.isEmpty)
        for (name, input) in inputs {
            #expect(throws: Never.self, "\(target.name)/\(name)") { try target.check(input) }
        }
        var generator = SeededGenerator(seed: 7)
        for round in 0..<Self.mutants(target) {
            let (name, input) = inputs[round % inputs.count]
            let other = inputs[Int.random(in: 0..<inputs.count, using: &generator)].bytes
            let mutant = Self.mutate(input, other, &generator)
            #expect(throws: Never.self, "\(target.name)/\(name), round \(round): \(mutant)") {
                try target.check(mutant)
            }
        }
    }

    /// Changes, drops, repeats or splices a few bytes.
    private static func mutate(_ input: [UInt8], _ other: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = input
        for _ in 0..<Int.random(in: 1...6, using: &generator) {
            let place = Int.random(in: 0...bytes.count, using: &generator)
            let end = min(bytes.count, place + Int.random(in: 0...8, using: &generator))
            switch Int.random(in: 0..<5, using: &generator) {
            case 0: if place < bytes.count { bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator) }
            case 1: if place < bytes.count { bytes[place] = UInt8.random(in: 0...255, using: &generator) }
            case 2: bytes.removeSubrange(place..<end)
            case 3: bytes.insert(contentsOf: bytes[place..<end], at: place)
            default:
                let start = Int.random(in: 0...other.count, using: &generator)
                bytes.insert(contentsOf: other[start..<min(other.count, start + 12)], at: place)
            }
        }
        return bytes
    }
}

/// Reading a folder of the checkout.
private enum TestFolder {
    /// The files in it by name, sorted.
    static func files(_ path: String) throws -> [(name: String, bytes: [UInt8])] {
        guard let listing = opendir(path) else { return [] }
        defer { closedir(listing) }
        var names: [String] = []
        while let entry = readdir(listing) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted().map { ($0, Self.read(path + "/" + $0)) }
    }

    private static func read(_ path: String) -> [UInt8] {
        guard let file = fopen(path, "rb") else { return [] }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, file))
        return bytes
    }
}
