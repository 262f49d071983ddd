/// Words whose dot does not end a sentence, or does so only sometimes.
///
/// The lists hold what is frequent in books, contracts, papers and news in English, German, French and Spanish.
enum Abbreviations {
    /// Never the end.
    private static let titles = packed(
        """
        mr mrs ms mx dr prof st ste sra srta mme mlle mgr messrs gen col lt capt cmdr sgt rev hon gov sen rep pres supt
        vs v viz cf ca approx e.g i.e z.b d.h u.a bzw usw evtl ggf vgl dept est al ibid op
        """)
    /// Not the end before a digit.
    private static let numbered = packed(
        """
        no nos nr fig figs tab eq eqs sec secs ch chap vol vols art arts p pp par para abs bd ed eds ref refs app ex
        jan feb mar apr jun jul aug sep sept oct nov dec
        """)
    /// The end only before a word that often begins a sentence.
    private static let endings = packed("inc ltd co corp llc plc bros jr sr esq mt ft ave blvd rd")
    private static let starters = packed(
        """
        the a an it he she they we i you in on at but and this that these those there here when if for as his her its our
        their my your after before however not no yes so what who how why where while with by from to since until all
        """)

    /// Whether the single dot at `dot` belongs to an abbreviation that does not end its sentence here.
    ///
    /// - Parameters:
    ///   - start: where the open sentence starts.
    ///   - next: the next byte that is not white space; it exists.
    static func precede(_ text: Span<UInt8>, dot: Int, start: Int, next: Int) -> Bool {
        var first = dot
        var innerDots = 0
        var pieceBytes = 0
        var longestPiece = 0
        while first > max(start, dot - 24, 0), let byte = Optional(text[first - 1]),
            ScalarClass.isASCIILetter(byte) || byte == 0x2E || byte >= 0x80
        {
            if byte == 0x2E { innerDots += 1 }
            pieceBytes = byte == 0x2E ? 0 : pieceBytes + 1
            longestPiece = max(longestPiece, pieceBytes)
            first -= 1
        }
        guard first < dot else { return false }
        let word = pack(text, first..<dot)
        if isInitial(text, first..<dot) { return !isPronoun(text, at: first, start: start) }
        if let word, titles.contains(word) { return true }
        if let word, numbered.contains(word) { return ScalarClass.isDigit(text[next]) }
        if innerDots > 0 && longestPiece <= 2 || word.map(endings.contains) ?? false {
            return !startsSentence(text, at: next)
        }
        return false
    }

    /// One upper-case letter of any script.
    private static func isInitial(_ text: Span<UInt8>, _ range: Range<Int>) -> Bool {
        let (value, length) = text.scalar(at: range.lowerBound)
        return length == range.count && ScalarClass.isUppercase(value)
    }

    /// `I` after a word in lower case: "than I. He" rather than "by I. Newton".
    private static func isPronoun(_ text: Span<UInt8>, at first: Int, start: Int) -> Bool {
        text[first] == 0x49 && first - 2 >= max(start, 0) && ScalarClass.isLowercase(UInt32(text[first - 2]))
    }

    private static func startsSentence(_ text: Span<UInt8>, at next: Int) -> Bool {
        var end = next
        while end < min(next + 9, text.count), ScalarClass.isASCIILetter(text[end]) { end += 1 }
        return end > next && pack(text, next..<end).map(starters.contains) ?? false
    }

    /// A word of up to eight ASCII letters and dots, in lower case, as one number.
    private static func pack(_ text: Span<UInt8>, _ range: Range<Int>) -> UInt64? {
        guard range.count <= 8 else { return nil }
        var word: UInt64 = 0
        for index in range {
            let byte = text[index]
            guard byte < 0x80 else { return nil }
            word = word << 8 | UInt64(byte == 0x2E ? byte : byte | 0x20)
        }
        return word
    }

    private static func packed(_ words: String) -> Set<UInt64> {
        var set: Set<UInt64> = []
        for word in words.utf8.split(whereSeparator: { $0 == 0x20 || $0 == 0x0A }) {
            let bytes = Array(word)
            if let word = pack(bytes.span, 0..<bytes.count) { set.insert(word) }
        }
        return set
    }
}
