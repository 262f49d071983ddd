internal import Glibc

/// What happens when a model's file turns out to be shorter than it was when it was mapped.
///
/// Nothing can be computed from pages that are gone, in no request, so the process ends: with a line that says why, and an
/// exit code by which a service manager knows that starting again may help.
enum TruncatedFile {
    /// After sysexits.h: `EX_IOERR`.
    static var exitCode: Int32 { 74 }
    /// `si_code` of an access beyond a mapped file's end; `BUS_ADRERR` of asm-generic/siginfo.h.
    private static var beyondEnd: Int32 { 2 }

    /// Catches SIGBUS from now on. Other reasons for it end the process as before.
    static func exitWhenFound() {
        LastLine.prepare()
        var action = sigaction()
        action.__sigaction_handler.sa_sigaction = { _, information, _ in
            guard information?.pointee.si_code == TruncatedFile.beyondEnd else {
                // Returning repeats the access under the default action.
                signal(SIGBUS, SIG_DFL)
                return
            }
            LastLine.end(
                """
                cprsd: a file of the model was truncated while it was in use, ending; replace a model by renaming a new one \
                over it\n
                """, exitCode: TruncatedFile.exitCode)
        }
        action.sa_flags = SA_SIGINFO
        sigaction(SIGBUS, &action, nil)
    }
}
