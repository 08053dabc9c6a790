internal import Ingest
internal import Model
internal import Platform

/// A file of scrapes in Prometheus' YAML, read strictly: what it says of scraping, and nothing else
/// that Prometheus keeps in the same file.
/// Source: Prometheus documentation, "Configuration".
struct ScrapeFile {
    /// What a file needs of the disk.
    struct Disk {
        var read: (String) throws -> String
        /// The paths that a pattern stands for.
        var expand: (String) -> [String]
    }

    private static let elsewhere = [
        "rule_files": "files of rules are the setting rules",
        "alerting": "Alertmanagers are the setting alertmanager",
        "remote_write": "it is not supported", "remote_read": "it is not supported",
        "storage": "data has settings of its own", "tracing": "it is not supported",
        "otlp": "it is not supported", "runtime": "there is no Go runtime to configure",
    ]

    private(set) var jobs: [ScrapeJob] = []

    /// `disk`: for `scrape_config_files`. Throws everything that is wrong.
    init(path: String, text: String, disk: Disk) throws(FileFaults) {
        let notes = YAMLSection.Notes(path: path)
        let keys = ["global", "scrape_configs", "scrape_config_files"]
        var faults: [FileFault] = []
        var known: [String: String] = [:]
        if let file = YAMLSection(
            text: text, allowed: keys + Self.elsewhere.keys.sorted(), notes: notes)
        {
            file.refuse(Self.elsewhere)
            let defaults = ScrapeFile.defaults(of: file)
            take(file, defaults, &known)
            for pattern in file.texts("scrape_config_files") {
                let found = disk.expand(FilePath.beside(path, pattern))
                for path in found {
                    let notes = YAMLSection.Notes(path: path)
                    takeFile(path, disk, defaults, notes, &known)
                    faults += notes.faults
                }
            }
        }
        faults = notes.faults + faults
        guard faults.isEmpty else { throw FileFaults(faults) }
    }

    private static func defaults(of file: YAMLSection) -> ScrapeDefaults {
        guard
            let section = file.section(
                "global",
                allowed: ScrapeDefaults.keys + ScrapeDefaults.elsewhere.keys.sorted()
                    + ScrapeSupport.fixed.keys.sorted())
        else { return ScrapeDefaults() }
        return ScrapeDefaults(section)
    }

    private mutating func takeFile(
        _ path: String, _ disk: Disk, _ defaults: ScrapeDefaults, _ notes: YAMLSection.Notes,
        _ known: inout [String: String]
    ) {
        do {
            let text = try disk.read(path)
            if let file = YAMLSection(text: text, allowed: ["scrape_configs"], notes: notes) {
                take(file, defaults, &known)
            }
        } catch {
            notes.add(nil, "", "\(error)")
        }
    }

    /// `known`: where the jobs' names were given.
    private mutating func take(
        _ file: YAMLSection, _ defaults: ScrapeDefaults, _ known: inout [String: String]
    ) {
        for (node, key) in file.list("scrape_configs") {
            guard
                let section = YAMLSection(
                    node, key: key, allowed: ScrapeJob.keys + ScrapeJob.refusedKeys,
                    notes: file.notes)
            else { continue }
            let job = ScrapeJob(section, defaults)
            if let place = known[job.name], !job.name.isEmpty {
                section.note("job_name", "\"\(job.name)\" is the name of the job at \(place) too")
            }
            known[job.name] = "\(file.notes.path):\(section.line)"
            jobs.append(job)
        }
    }
}
