internal import CCPRSKernels

/// Which implementation of the bf16 and int8 kernels to run; asking for one that the processor lacks runs the portable
/// code. Results differ between them within the kernels' stated tolerances.
package enum InstructionSet: Hashable, Sendable, CaseIterable {
    case portable, avx2, avx512VNNI, avx512BF16, neon, neonI8MM

    /// The fastest that this processor runs, found once.
    package static let best: InstructionSet = {
        let best = cprs_best_isa()
        return Self.allCases.first { $0.code == best } ?? .portable
    }()

    /// This build and this processor run it.
    package var isAvailable: Bool { cprs_has_isa(self.code) != 0 }
    /// A short name for logs: `avx512-bf16`.
    package var name: String { String(cString: cprs_isa_name(self.code)) }

    var code: cprs_isa {
        switch self {
        case .portable: CPRS_ISA_PORTABLE
        case .avx2: CPRS_ISA_AVX2
        case .avx512VNNI: CPRS_ISA_AVX512_VNNI
        case .avx512BF16: CPRS_ISA_AVX512_BF16
        case .neon: CPRS_ISA_NEON
        case .neonI8MM: CPRS_ISA_NEON_I8MM
        }
    }
}
