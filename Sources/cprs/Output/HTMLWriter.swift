internal import CPRSEngine

/// A page that shows the document with its kept pieces marked, stronger for a higher score: a person looks at it to
/// decide whether to trust the selection.
struct HTMLWriter: ResultWriter {
    let wantsDropped = true

    mutating func begin(_ heading: ResultHeading) {
        let title = Self.escaped(heading.source)
        Console.write(
            """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><title>cprs: \(title)</title>
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <style>
            :root { color-scheme: light dark; }
            body { font: 16px/1.55 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
            header, footer { color: GrayText; }
            pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; color: GrayText; }
            mark { color: CanvasText; background: rgb(255 190 0 / calc(0.12 + 0.55 * var(--s))); border-radius: 3px; }
            mark.forced { background: none; outline: 2px solid rgb(60 130 240); }
            #only:checked ~ pre .d { display: none; }
            #only:checked ~ pre mark { display: block; margin: 0.4rem 0; }
            </style></head><body>
            <header><h1>\(title)</h1><p><b>\(Self.escaped(heading.query))</b><br>model \(Self.escaped(heading.model)).
            Marked text is kept; the stronger the mark, the higher the score (point at it to read it).
            Outlined text was kept on request.</p></header>
            <input type="checkbox" id="only"><label for="only"> show only what is kept</label>
            <pre>
            """)
    }

    mutating func kept(_ span: KeptSpan, text: [UInt8]) {
        let score = Format.fixed(Double(span.score), 3)
        let tag = span.tag.map { Self.escaped($0) + ", " } ?? ""
        Console.write(
            "<mark\(span.forced ? " class=\"forced\"" : "") style=\"--s:\(score)\" title=\"\(tag)score \(score), bytes "
                + "\(span.bytes.lowerBound) to \(span.bytes.upperBound), \(span.tokens) tokens\">")
        Console.write(Self.escaped(text))
        Console.write("</mark>")
    }

    mutating func dropped(_ text: [UInt8]) {
        Console.write("<span class=\"d\">")
        Console.write(Self.escaped(text))
        Console.write("</span>")
    }

    mutating func finish(_ summary: CompressionSummary, openSeconds: Double) {
        Console.write("</pre>\n<footer><p>\(Self.escaped(summary.sentence))</p></footer></body></html>\n")
    }

    private static func escaped(_ text: String) -> String {
        String(decoding: Self.escaped(Array(text.utf8)), as: UTF8.self)
    }

    private static func escaped(_ text: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(text.count)
        for byte in text {
            switch byte {
            case UInt8(ascii: "&"): out += Array("&amp;".utf8)
            case UInt8(ascii: "<"): out += Array("&lt;".utf8)
            case UInt8(ascii: ">"): out += Array("&gt;".utf8)
            case UInt8(ascii: "\""): out += Array("&quot;".utf8)
            default: out.append(byte)
            }
        }
        return out
    }
}
