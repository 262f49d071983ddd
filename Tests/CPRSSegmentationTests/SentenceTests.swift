internal import CPRSSegmentation
internal import Testing

/// `¦` in a case marks where a sentence ends; the text is the case without the marks.
@Suite struct SentenceTests {
    func check(_ marked: String) {
        let expected = marked.split(separator: "¦").map(String.init)
        #expect(units(.sentence, expected.joined()) == expected)
    }

    @Test(
        "a terminator with white space after it ends a sentence, with closing signs and the white space",
        arguments: [
            "One. ¦Two! ¦Three? ¦Four", "He said \"Stop.\" ¦She left.", "(It works.) ¦Next.", "Really?! ¦Yes.",
            "Wait... ¦What?", "Wait… ¦What?", "**Bold.** ¦Next.", "One.  ¦Two.\t¦Three.", "He left.\u{201D} ¦Then.",
        ])
    func terminators(marked: String) { self.check(marked) }

    @Test(
        "a dot inside a number, version, address or name does not end a sentence",
        arguments: [
            "Pi is 3.14 or so. ¦Yes.", "Use v1.2.3 now. ¦Yes.", "See https://example.com/a.b?c=d. ¦Yes.",
            "Ask me@example.org about it. ¦Yes.", "Open main.swift first. ¦Yes.", "The .NET runtime. ¦Yes.",
        ])
    func dotsInside(marked: String) { self.check(marked) }

    @Test(
        "an abbreviation does not end a sentence, unless a new one plainly begins",
        arguments: [
            "Mr. Smith met Mrs. Jones and Dr. No. ¦They left.", "By J. K. Rowling. ¦Good.",
            "Some, e.g. London, i.e. here. ¦Yes.",
            "See Fig. 3 and No. 5 on p. 12. ¦Yes.", "I said No. ¦Then I left.", "The U.S. Senate met. ¦It sat.",
            "He lives in the U.S. ¦The end.", "Apple Inc. CEO Tim spoke. ¦Then he left Apple Inc. ¦The end.",
            "At 5 p.m. ¦The train left.", "Roe vs. Wade it is. ¦Next.", "Dogs, cats, etc. are here. ¦Yes.",
            "It was more than I. ¦He knew.",
            "А. С. Пушкин писал. ¦Да.", "Smith et al. (2020) agree. ¦Yes.", "On Jan. 5 we met. ¦Yes.",
            "z.B. Berlin. ¦Ja.",
        ])
    func abbreviations(marked: String) { self.check(marked) }

    @Test(
        "a text that goes on in lower case or with a comma does not end",
        arguments: [
            "Wait... what? ¦Yes.", "\"Stop!\" he said. ¦Then.", "The approx. value is 3. ¦Yes.",
            "(Yes.), and so on. ¦Yes.",
            "i am here. ¦you are there. ¦ok",
        ])
    func continuations(marked: String) { self.check(marked) }

    @Test(
        "scripts without blanks end at their own full stops",
        arguments: [
            "你好。¦世界！¦再见？¦好", "他说：「你好。」¦然后走了。", "你好。 ¦世界。", "我……不知道。¦好。", "これはペンです。¦あれは本です。",
            "नमस्ते। ¦आप कैसे हैं? ¦ठीक।", "كيف حالك؟ ¦بخير.", "真的?¦是的。", "半角｡¦次",
        ])
    func otherScripts(marked: String) { self.check(marked) }

    @Test(
        "a blank line always ends a sentence and belongs to the one before",
        arguments: [
            "A title\n\n¦A text.\n\n\n¦Another", "a\r\n\r\n¦b", "a\n \t \n¦  b", "one,\n\n¦and two", "\n\na\n\n¦b",
        ])
    func blankLines(marked: String) { self.check(marked) }

    @Test("a wrapped line of a book goes on; only terminators end its sentences")
    func wrappedProse() {
        self.check(
            """
            It is a truth universally acknowledged, that a single man in
            possession of a good fortune, must be in want of a wife. ¦However
            little known the feelings or views of such a man, Mr. Bennet of
            Longbourn in Hertfordshire, may be on his first entering a
            neighbourhood, this truth is so well fixed in the minds of the
            surrounding families. ¦He is considered as the rightful property of
            some one or other of their daughters.
            """)
        self.check(
            """
            To show what `main` does, we look at the function `greet` and at the
            `Person` struct that it takes, and then at the year of its birth, in
            1858. ¦Then we stop.
            """)
        let russian = "Все счастливые семьи похожи друг на друга, каждая несчастливая семья\n"
        self.check(russian + "несчастлива по-своему. ¦Всё смешалось.")
    }

    @Test(
        "a line that is not wrapped prose ends with its break",
        arguments: [
            "VAR X1 = 123\n¦VAR X2 = VAR X1\n¦VAR X3 = 5", "Alice: hello there\n¦Bob: hi\n¦Alice: how are you",
            "Alice: this is a rather long line of talk that goes on and on for a while\n¦Bob: so is this",
            "name: cprs\n¦version: 2\n¦kind: tool", "- one\n¦- two\n¦* three\n¦1. four\n¦2. five",
            "# Title\n¦Text of it", "| a | b |\n¦| 1 | 2 |", "let a = f(x)\n¦return a\n",
            "2024-01-05 12:00:01 INFO server started with a long message about nothing\n¦2024-01-05 12:00:02 INFO again",
            "The following parties agree to the terms that are given here and\n¦(a) the seller, who owns it\n¦(b) the buyer",
            "for (int i = 0; i < count; ++i) total += values[i] * weights[i];\n¦return total / count;\n",
            "Run the program that is shown in the listing above, and read its output\n¦```text\n¦ok\n¦```\n",
            "第一行没有句号\n¦第二行也没有\n¦第三行",
        ])
    func brokenLines(marked: String) { self.check(marked) }

    @Test(
        "a list number does not end a sentence", arguments: ["1. First thing. ¦2. Second thing.", "It was 5. ¦Then 6."])
    func listNumbers(marked: String) { self.check(marked) }

    @Test("a sentence without an end is cut after the last blank in the bound's last half")
    func forcedEnd() {
        let text = String(repeating: "word ", count: 1000)
        let ends = unitEnds(.sentence, Array(text.utf8))
        #expect(ends == [2045, 4090, 5000])
        #expect(unitEnds(.sentence, [UInt8](repeating: 0x78, count: 5000)) == [2048, 4096, 5000])
    }
}
