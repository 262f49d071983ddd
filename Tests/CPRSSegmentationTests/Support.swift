internal import CPRSCore
internal import CPRSSegmentation
internal import CPRSTestSupport

/// Everything a splitter says about `bytes`, given in chunks of at most `chunk` bytes.
func unitEnds(_ granularity: Granularity, _ bytes: [UInt8], chunk: Int = .max) -> [Int] {
    var splitter = UnitSplitter(granularity)
    var ends: [Int] = []
    var start = 0
    while start < bytes.count {
        let end = chunk < bytes.count - start ? start + chunk : bytes.count
        splitter.append(Array(bytes[start..<end]), into: &ends)
        start = end
    }
    splitter.finish(into: &ends)
    return ends
}

/// The units of `text` as strings.
func units(_ granularity: Granularity, _ text: String) -> [String] {
    let bytes = Array(text.utf8)
    let ends = unitEnds(granularity, bytes)
    return zip([0] + ends, ends).map { String(decoding: bytes[$0..<$1], as: UTF8.self) }
}

/// Text made of pieces that the rules care about, so that every rule meets every other.
func randomText(_ random: inout SeededGenerator, pieces: Int) -> String {
    let choices = [
        "word", "The ", "a ", " ", " ", " ", "  ", "\n", "\n", "\n\n", "\r\n", "\r", "\t", ". ", ".", "! ", "? ", "?!",
        "...", "…",
        "。", "！", "」", "\"", ")", "(", "'", "’", ", ", ": ", "Mr. ", "e.g. ", "U.S. ", "J. ", "No. 5 ", "3.14",
        "v1.2.3", "\n1. ",
        "\n- ", "# ", "|", "Name: ", "X1 = 123\n", "你好", "世界，", "カタカナ", "ไทย", "привет ", "Слово ", "e\u{301}",
        "\u{301}",
        "\u{200D}", "👩‍👩‍👧", "🇩🇪", "👍🏽", "\u{3000}", "\u{2028}", "\u{2029}", "\u{85}", "नमस्ते। ", "؟ ", "\u{FEFF}", "\0", "_",
        "12,000 ", "\"k\": 1, ", "\", \"", "}, {",
    ]
    var text = ""
    for _ in 0..<pieces {
        let piece = choices.randomElement(using: &random)!
        let times = Int.random(in: 0..<40, using: &random) == 0 ? Int.random(in: 1...700, using: &random) : 1
        text += String(repeating: piece, count: times)
    }
    return text
}

/// Whether no grapheme is visibly broken before `offset`: an oracle on the standard library's own tables.
func mayCut(_ scalars: [Unicode.Scalar], at index: Int) -> Bool {
    guard index > 0, index < scalars.count else { return true }
    if scalars[index - 1] == "\r", scalars[index] == "\n" { return false }
    if scalars[index].value == 0x200D { return false }
    switch scalars[index].properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .spacingMark: return false
    default: return true
    }
}
