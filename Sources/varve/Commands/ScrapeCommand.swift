internal import ArgumentParser
internal import Platform
internal import Server

/// `varve scrape`: files of scrapes, without a server.
struct ScrapeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scrape",
        abstract: "Check files of what to scrape.",
        subcommands: [ScrapeCheck.self])
}

/// `varve scrape check FILE…`
struct ScrapeCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read files of scrapes, and those of targets that they name, as a server would.",
        discussion: "Exit status: 0 all is well, 1 something is wrong, with file and line.")

    @Argument(help: "Files of scrapes, in Prometheus' YAML.") var files: [String]

    mutating func run() async throws {
        try await CommandExit.run {
            var isSound = true
            for path in files {
                let problems = ScrapeCheck.check(path)
                for problem in problems { Terminal.complain(problem) }
                isSound = isSound && problems.isEmpty
            }
            return isSound
        }
    }

    /// What is wrong with a file, line by line; what it holds is said when nothing is.
    private static func check(_ path: String) -> [String] {
        var configuration = ScrapeConfiguration()
        do {
            try configuration.setFile(
                path: path, text: try TextFile.read(path), read: TextFile.read,
                expand: TextFile.expand)
        } catch let faults as FileFaults {
            return faults.all.map { "\($0)" }
        } catch {
            return ["\(error)"]
        }
        let problems = configuration.checkDiscovery(read: TextFile.read, expand: TextFile.expand)
        if problems.isEmpty {
            let (jobs, targets) = configuration.counts
            Terminal.print(["\(path): \(jobs) jobs, \(targets) static targets"])
        }
        return problems
    }
}
