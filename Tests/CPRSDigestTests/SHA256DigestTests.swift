internal import CPRSDigest
internal import Testing

@Suite struct SHA256DigestTests {
    @Test("the digest of \"abc\" is the standard's, however it is fed")
    func knownAnswer() {
        // FIPS 180-4, example.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        for pieces in [["abc"], ["a", "bc"], ["", "ab", "c", ""]] {
            var digest = SHA256Digest()
            for piece in pieces { digest.update(Array(piece.utf8)) }
            #expect(digest.hexadecimal() == expected)
        }
    }

    @Test("a sequence without contiguous storage, and memory that somebody owns, give the same digest")
    func otherSequences() {
        var (plain, lazy, raw) = (SHA256Digest(), SHA256Digest(), SHA256Digest())
        plain.update(Array("abc".utf8))
        lazy.update("abc".utf8.lazy.map { $0 })
        Array("abc".utf8).withUnsafeBytes { raw.update($0) }
        #expect(plain.finalized() == lazy.finalized() && plain.finalized() == raw.finalized())
    }
}
