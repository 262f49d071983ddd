internal import ArgumentParser
internal import CPRSClient
internal import CPRSCore

@main
struct CPRS: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cprs",
        abstract: "Keep the parts of a long text that answer a question, byte for byte.",
        discussion: """
            A token critic (QwenLong-CPRS, arXiv:2505.18092) reads the text window by window next to your question and \
            scores every token; what scores well is printed, unchanged and in order. Nothing leaves this machine.

              cprs compress book.txt --query "Who lives at 221B Baker Street?"
              cat *.log | cprs compress - --query "Why did the upload fail?" --granularity line --max-tokens 800

            Exit codes: 0 success, 1 a check failed (golden, verify, status), 64 wrong usage, 65 bad input, 66 no such file or unusable \
            model, 69 the daemon that was asked for is away or refuses, 70 a defect in cprs, 74 output could not be written.
            """,
        version: "0.1.0",
        subcommands: [
            CompressCommand.self, StatusCommand.self, VerifyCommand.self, TokenizeCommand.self, PackCommand.self,
            InspectCommand.self, BenchCommand.self, GoldenCommand.self,
        ])

    /// Runs the command line and turns our errors into one line and a documented exit code.
    static func main() {
        do {
            var command = try Self.parseAsRoot()
            try command.run()
        } catch let error as CPRSError {
            Console.note("cprs: \(error.message)")
            Self.exit(withError: ExitCode(error.code.exitCode))
        } catch let error as ClientError {
            Console.note("cprs: \(error.message)")
            Self.exit(withError: ExitCode(error.exitCode))
        } catch {
            Self.exit(withError: error)
        }
    }
}

extension CPRSError.Code {
    /// The process's exit code for this kind of failure, after sysexits.h.
    fileprivate var exitCode: Int32 {
        switch self {
        case .invalidArgument, .budgetTooSmall: 64
        case .invalidText: 65
        case .notFound, .modelUnusable: 66
        case .notWritten: 74
        default: 70
        }
    }
}
