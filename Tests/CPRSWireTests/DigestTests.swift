internal import CPRSWire
internal import Testing

@Suite struct DigestTests {
    @Test("the digest of \"abc\" is the standard's, however it is fed")
    func knownAnswer() {
        // FIPS 180-4, example.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        for pieces in [["abc"], ["a", "bc"], ["", "ab", "c", ""]] {
            var digest = SHA256Digest()
            for piece in pieces { digest.update(Array(piece.utf8)) }
            let hex = digest.finalized().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            #expect(hex == expected)
        }
    }

    @Test("a sequence without contiguous storage gives the same digest")
    func lazySequence() {
        var (plain, lazy) = (SHA256Digest(), SHA256Digest())
        plain.update(Array("abc".utf8))
        lazy.update("abc".utf8.lazy.map { $0 })
        #expect(plain.finalized() == lazy.finalized())
    }
}
