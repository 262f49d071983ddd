internal import Glibc

/// What happens when the system refuses memory that Swift cannot do without.
///
/// Swift then traps, or fails on the message that it has no memory to write; either ends the process by a signal and
/// without a word. Here it ends with a line that says why, and an exit code by which a service manager knows that starting
/// again may help.
enum RefusedMemory {
    /// After sysexits.h: `EX_OSERR`.
    static var exitCode: Int32 { 71 }

    /// Catches the signals of a trap from now on. Those with another reason end the process as before, and where
    /// SWIFT_BACKTRACE asks for reports of crashes, they are written instead.
    static func exitWhenFound() {
        LastLine.prepare()
        for signal in [SIGILL, SIGSEGV] {
            var previous = sigaction()
            sigaction(signal, nil, &previous)
            guard previous.__sigaction_handler.sa_handler == nil else { continue }
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { signal in
                // malloc and mmap set it in the thread that traps, and nothing on the way to the trap sets it again.
                guard errno == ENOMEM else {
                    // Returning traps again, under the default action.
                    Glibc.signal(signal, SIG_DFL)
                    return
                }
                LastLine.end("cprsd: the system refused memory, ending\n", exitCode: RefusedMemory.exitCode)
            }
            sigaction(signal, &action, nil)
        }
    }
}
