internal import CCPRSKernels
internal import Testing

@Suite("register peak")
struct PeakTests {
    private static let kinds: [(name: String, run: @Sendable (cprs_isa, Int) -> UInt64)] = [
        ("f32", { cprs_peak_f32($0, $1) }), ("bf16", { cprs_peak_bf16($0, $1) }), ("int8", { cprs_peak_int8($0, $1) }),
    ]

    @Test(
        "operations grow with the rounds, and take the time that they must: the compiler has left the work in",
        .enabled(if: cprs_has_isa(CPRS_ISA_AVX2) != 0))
    func worksForItsOperations() {
        for kind in Self.kinds {
            #expect(kind.run(CPRS_ISA_AVX2, 20) == 2 * kind.run(CPRS_ISA_AVX2, 10) && kind.run(CPRS_ISA_AVX2, 10) > 0)
            let start = ContinuousClock.now
            let operations = kind.run(CPRS_ISA_AVX2, 2_000_000)
            let elapsed = ContinuousClock.now - start
            // No core does more than two dot products of 512 bits of bytes a cycle at 8 GHz: 2048 operations a ns.
            #expect(elapsed > .nanoseconds(Int64(operations / 2048)), "\(kind.name): \(operations) in \(elapsed)")
        }
    }

    @Test("a set that the processor lacks, and portable code, have no peak", arguments: InstructionSet.all)
    func hasNone(isa: cprs_isa) {
        guard cprs_has_isa(isa) == 0 || isa == CPRS_ISA_PORTABLE else { return }
        for kind in Self.kinds { #expect(kind.run(isa, 10) == 0, "\(kind.name)") }
    }
}
