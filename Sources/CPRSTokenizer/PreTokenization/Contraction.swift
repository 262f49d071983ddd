/// `(?i:'s|'t|'re|'ve|'m|'ll|'d)`, looked for after the apostrophe.
///
/// Ignoring case reaches beyond ASCII once: U+017F (long s) folds to `s`. No other character folds to one of these
/// letters (U+212A folds to `k`, which is not among them).
enum Contraction {
    /// The contraction ends at this offset.
    case end(Int)
    case none
    /// The text stops inside what may become one.
    case needsMore

    /// - Parameter offset: first byte after the apostrophe, inside the text.
    @inline(__always)
    static func at(_ text: UnsafePointer<UInt8>, _ offset: Int, _ count: Int) -> Self {
        let second = offset + 1
        switch text[offset] | 0x20 {
        case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"):
            return .end(second)
        case UInt8(ascii: "r"), UInt8(ascii: "v"): return Self.letter("e", text, second, count)
        case UInt8(ascii: "l"): return Self.letter("l", text, second, count)
        default:
            // U+017F is C5 BF; characters are never cut.
            return text[offset] == 0xC5 && text[second] == 0xBF ? .end(offset + 2) : .none
        }
    }

    @inline(__always)
    private static func letter(
        _ wanted: Unicode.Scalar, _ text: UnsafePointer<UInt8>, _ offset: Int, _ count: Int
    ) -> Self {
        guard offset < count else { return .needsMore }
        return text[offset] | 0x20 == UInt8(ascii: wanted) ? .end(offset + 1) : .none
    }
}
