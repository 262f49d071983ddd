internal import CPRSTestSupport
internal import Foundation
internal import Testing

@Suite struct ReadmeTests {
    @Test("the README's first command prints what the README shows")
    func example() throws {
        let readme = try String(contentsOfFile: SharedData.readme, encoding: .utf8)
        let blocks = readme.components(separatedBy: "<!-- run -->")[1].components(separatedBy: "```")
        let line = try #require(blocks[1].split(separator: "\n").last { $0.contains("cprs compress") })
        let quoted = line.components(separatedBy: "\"")
        let words = quoted[0].split(separator: " ").drop { $0 != "compress" }.map(String.init)
        var arguments = words + [quoted[1]]
        arguments[1] = SharedData.fixture("a-scandal-in-bohemia.txt")
        let shown = blocks[3].dropFirst("text\n".count)
        #expect(
            try Command.run(arguments).text.trimmingCharacters(in: .newlines) == shown.trimmingCharacters(in: .newlines)
        )
    }
}
