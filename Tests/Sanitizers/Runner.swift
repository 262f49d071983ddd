// The main program of tests that run.sh links by itself; the package manager's does the same.
import Testing

@main struct Runner {
    static func main() async { await Testing.__swiftPMEntryPoint() as Never }
}
