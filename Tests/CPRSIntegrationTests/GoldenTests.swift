internal import CPRSCore
internal import CPRSEngine
internal import CPRSGolden
internal import CPRSJSON
internal import CPRSTestSupport
internal import CPRSTokenizer
internal import Foundation
internal import Testing

@Suite struct GoldenTests {
    @Test("every recorded result of the references is met", .enabled(if: SharedData.golden != nil))
    func golden() throws {
        let reports = try GoldenRun(folder: try #require(SharedData.golden), threads: 2).execute()
        #expect(reports.map(\.family) == ["tokenizer", "forward", "spans"])
        #expect(reports.map(\.total) == [1554, 18, 400])
        for report in reports { #expect(report.isExact, "\(report)") }
    }

    @Test("the prompt is the reference's, token for token", .enabled(if: SharedData.golden != nil))
    func prompt() throws {
        let folder = try #require(SharedData.golden) + "/models/"
        let lines = Array(try Data(contentsOf: URL(fileURLWithPath: folder + "forward.jsonl"))).split(separator: 10)
        #expect(lines.count == 18)
        for line in lines {
            let record = try #require(try JSONValue(Array(line), name: "forward.jsonl").object)
            let text = { (key: String) in try #require(record[key]?.string) }
            let template = try PromptTemplate(tokenizer: try Tokenizer(folder: folder + text("model")))
            let ids = try template.encode(instruction: text("instruction"), query: text("query"))
            #expect(ids.map { Int($0) } == record["prompt_ids"]?.array?.compactMap(\.integer))
        }
    }

    @Test("a folder without vectors and a damaged vector are errors, not passes")
    func damaged() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("cprs-golden-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let run = GoldenRun(folder: folder.path, threads: 1)
        #expect(throws: CPRSError.self) { try run.execute() }
        let vector =
            #"{"text": "a b", "token_offsets": [[0, 9]], "labels": "B", "corrected_labels": "B", "min_keyword_len": 0, "complete_sentence": false, "spans": []}"#
        try Data(vector.utf8).write(to: folder.appendingPathComponent("spans.jsonl"))
        #expect(throws: CPRSError.self) { try run.execute() }
        let wrong = vector.replacingOccurrences(of: "[0, 9]", with: "[0, 3]")
        try Data(wrong.utf8).write(to: folder.appendingPathComponent("spans.jsonl"))
        let report = try #require(try run.execute().first)
        #expect(report.passed == 0 && report.total == 1 && !report.isExact && report.misses.count == 1)
    }
}
